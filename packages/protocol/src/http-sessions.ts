/** Answers about sessions of the tenant API. docs/api.md explains them to readers. */

/** A session that is open. */
export interface SessionView {
  readonly session: string;
  /** `live`: it has a container, with its shells and files; `saved`: its files alone; `empty`: neither. */
  readonly state: 'live' | 'saved' | 'empty';
  readonly openedAt: string;
  /** When it was used last, to a minute. */
  readonly usedAt: string;
  /** The files that were saved last, where some were. */
  readonly saved: { readonly at: string; readonly bytes: number } | null;
}

/** Answer of GET /v1/sessions. */
export interface SessionsView {
  readonly sessions: readonly SessionView[];
}
