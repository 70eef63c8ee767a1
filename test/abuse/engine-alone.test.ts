/** What a neighbour suffers from the engine alone, when as many containers come and go as attacks cost: the floor of all bounds. */
import { it } from 'vitest';
import { churn } from './harness/churn.js';
import { ask, toolContainers } from './harness/engine.js';
import { facts } from './harness/fleet.js';
import { besideNeighbour } from './harness/suite.js';

/** As long as an attack that is ended at its time limit lives. */
const LIVE_MS = 1_500;
const beside = besideNeighbour();

it.each([2, 4])('%i containers come and go, past the fleet', async (count) => {
  const [any] = await toolContainers(facts().broker);
  if (any === undefined) throw new Error('the fleet has no tool container');
  const { Image: image } = await ask<{ Image: string }>(`/containers/${any}/json`);
  await beside(`engine alone, ${count} at once`, () => churn(image, count, LIVE_MS), 'shown');
});
