/** Groups 8 to 11: what of engine, metadata services, fleet, host, neighbours and names can be reached. Nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf } from './harness/attack.js';
import { nothingReached } from './harness/claims.js';
import { toolContainers } from './harness/engine.js';
import { allFine, facts } from './harness/fleet.js';
import { forbiddenPlaces } from './harness/places.js';
import { besideNeighbour } from './harness/suite.js';

const LISTEN_S = 6;
const beside = besideNeighbour();

afterEach(() => allFine());

describe('8 to 11 network', () => {
  it('reaches nothing but itself, while another tenant listens', async () => {
    const places = await forbiddenPlaces(facts());
    expect(places.length).toBeGreaterThan(100);
    const listening = attack('listen.py', { as: 'victim', args: [String(LISTEN_S)] });
    await beside('8-11 network', async () => {
      const end = await attack('probe.py', { stdin: JSON.stringify(places) });
      nothingReached(end, places.length);
    });
    expect((await toolContainers(facts().broker)).length).toBeGreaterThan(1);
    expect(toldOf(await listening, 'came')).toEqual({ tcp: 1, unix: 1, abstract: 1 });
  });
});
