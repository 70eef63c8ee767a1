/** The tenant API as a client: submit, wait, stream, cancel. No dependency but Node's own fetch. */
export {
  ZerofleetClient,
  type CallOptions,
  type ClientOptions,
  type EventsOptions,
  type GetOptions,
  type PageOptions,
  type SubmitOptions,
  type WaitOptions,
} from './client.js';
export { AdminClient } from './admin.js';
export { JobsClient, type Download } from './jobs.js';
export { SettingsClient } from './settings.js';
export { systemClock, type Cancel, type SdkClock } from './clock.js';
export {
  BadOptionError,
  CreationAmbiguousError,
  DownloadBrokenError,
  ProblemError,
  StreamBrokenError,
  SubmissionAmbiguousError,
  UnexpectedAnswerError,
  UnreachableError,
  ZerofleetError,
  type SdkErrorCode,
} from './errors.js';
export { collectOutput, type CollectedOutput } from './output.js';
