/** `breach`: the runner broke the protocol. `gone`: it ended. `engine_lost`: it ended with every other one of its engine. */
export interface Ended {
  readonly kind: 'ended';
  readonly why: 'breach' | 'gone' | 'engine_lost';
  readonly reason: string;
}
