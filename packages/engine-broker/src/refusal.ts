/** A call that is not done, and why. */
import { BROKER_STATUS, type BrokerCode, type BrokerError } from '@zerofleet/protocol';

/** Thrown by whatever finds out; the server answers with its status. */
export class Refusal extends Error {
  readonly code: BrokerCode;

  constructor(code: BrokerCode, sentence: string) {
    super(sentence);
    this.code = code;
  }

  get status(): number {
    return BROKER_STATUS[this.code];
  }

  get body(): BrokerError {
    return { code: this.code, error: this.message };
  }
}
