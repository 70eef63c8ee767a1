/** What a tenant sets for itself: keys, secrets, schedules; what it may use; and its open sessions. */
import type {
  KeysView,
  NewKey,
  NewKeyView,
  QuotasView,
  Schedule,
  SchedulesView,
  ScheduleView,
  SecretsView,
  SecretView,
  SessionsView,
  SessionView,
} from '@zerofleet/protocol';
import type { CallOptions } from './client.js';
import {
  KEYS,
  NEW_KEY,
  QUOTAS,
  SCHEDULE,
  SCHEDULES,
  SECRET,
  SECRETS,
  SESSION,
  SESSIONS,
} from './control-answers.js';
import type { JsonCaller } from './json-caller.js';
import { step } from './path.js';

const named = (list: string, name: string): string => `/v1/${list}/${step(name)}`;

export class SettingsClient {
  private readonly json: JsonCaller;

  constructor(json: JsonCaller) {
    this.json = json;
  }

  /** What the tenant may use, and what it does. */
  async quotas(options: CallOptions = {}): Promise<QuotasView> {
    return this.json.get('/v1/quotas', QUOTAS, options);
  }

  async keys(options: CallOptions = {}): Promise<KeysView> {
    return this.json.get('/v1/keys', KEYS, options);
  }

  /** A new key: the answer holds it, this once. Never sent twice, since each is another key. */
  async createKey(key: NewKey, options: CallOptions = {}): Promise<NewKeyView> {
    return this.json.make('/v1/keys', key, NEW_KEY, options);
  }

  /** Ends a key, and what it holds open. */
  async revokeKey(id: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(named('keys', id), options);
  }

  /** Names of secrets; no call gives a value back. */
  async secrets(options: CallOptions = {}): Promise<SecretsView> {
    return this.json.get('/v1/secrets', SECRETS, options);
  }

  /** Sets a secret, to be named in arguments as `{"$secret": name}`. */
  async setSecret(name: string, value: string, options: CallOptions = {}): Promise<SecretView> {
    return this.json.put(named('secrets', name), { value }, SECRET, options);
  }

  async deleteSecret(name: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(named('secrets', name), options);
  }

  async schedules(options: CallOptions = {}): Promise<SchedulesView> {
    return this.json.get('/v1/schedules', SCHEDULES, options);
  }

  async schedule(name: string, options: CallOptions = {}): Promise<ScheduleView> {
    return this.json.get(named('schedules', name), SCHEDULE, options);
  }

  /** Sets a schedule; runs that an earlier one planned are taken back. */
  async setSchedule(name: string, schedule: Schedule, options: CallOptions = {}): Promise<ScheduleView> {
    return this.json.put(named('schedules', name), schedule, SCHEDULE, options);
  }

  async deleteSchedule(name: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(named('schedules', name), options);
  }

  /** The open sessions. One opens with its first job. */
  async sessions(options: CallOptions = {}): Promise<SessionsView> {
    return this.json.get('/v1/sessions', SESSIONS, options);
  }

  async session(name: string, options: CallOptions = {}): Promise<SessionView> {
    return this.json.get(named('sessions', name), SESSION, options);
  }

  /** Ends a session: its container, and the files that were saved of it. A job that runs in it goes on to its end. */
  async endSession(name: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(named('sessions', name), options);
  }
}
