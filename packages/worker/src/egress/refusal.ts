/** Why a job does not get a tunnel. The runner makes an HTTP status of the code: docs/protocol/runner-frames.md. */

export type RefusalCode =
  /** Egress is off at this worker. */
  | 'off'
  /** What was asked for is no host. */
  | 'bad_host'
  /** The tool's definition does not list it. */
  | 'not_allowed'
  /** It has an address that no job may reach. */
  | 'forbidden_address'
  /** It has no address. */
  | 'unresolved'
  /** No connection came about. */
  | 'unreachable'
  /** It took too long. */
  | 'late'
  /** The job, or the worker, has as many tunnels as it may. */
  | 'busy'
  /** The job has sent and received as much as it may. */
  | 'spent';

export interface Refusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** For the job: it names nothing but what the job itself has said. */
  readonly message: string;
  /** For the audit: the address that was refused. */
  readonly address?: string;
}
