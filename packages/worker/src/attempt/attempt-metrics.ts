/** How long attempts take to start. Names: docs/metrics.md. */
import { Histogram, type Registry } from '@zerofleet/runtime';
import type { Claim } from '../pool/claim.js';

const MS_PER_S = 1_000;
/** Close enough together that a percentile read off them is right to some per cent. */
const START_MS = [
  0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30, 50,
  100, 500,
];
/** A cold handover takes a container's start. */
const HANDOVER_MS = [
  0.6, 0.8, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 20, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600,
  800, 1_000, 2_000, 5_000, 10_000, 20_000,
];

export class AttemptMetrics {
  private readonly starts: Histogram;
  private readonly handovers: Histogram<'how'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.starts = new Histogram({
      name: 'zf_attempt_start_seconds',
      help: 'Time from GO to STARTED',
      buckets: START_MS.map(inSeconds),
      registers,
    });
    this.handovers = new Histogram({
      name: 'zf_attempt_handover_seconds',
      help: 'Time from asking the pool for a container to STARTED, by how the container was had',
      labelNames: ['how'],
      buckets: HANDOVER_MS.map(inSeconds),
      registers,
    });
  }

  /** A job started: so long after GO, and so long after a container was asked for. */
  started(how: ClaimedHow, startMs: number, handoverMs: number): void {
    this.starts.observe(inSeconds(startMs));
    this.handovers.observe({ how }, inSeconds(handoverMs));
  }
}

/** How a container was had. */
export type ClaimedHow = Extract<Claim, { kind: 'claimed' }>['how'];

const inSeconds = (ms: number): number => ms / MS_PER_S;
