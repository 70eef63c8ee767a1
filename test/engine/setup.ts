/** A Docker engine with the images of tools and fleet, and no fleet on it: for tests of the broker and of what it makes. */
import { ensureEngine, ensureImages, referenceOf, Session } from '@zerofleet/launch';
import type { TestProject } from 'vitest/node';

/** What tests know of the engine. */
export interface EngineFacts {
  readonly toolImage: string;
  readonly fleetImage: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    engine: EngineFacts;
  }
}

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const session = new Session();
  const onSignal = (signal: NodeJS.Signals): void => session.interrupt(signal);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await ensureEngine(session);
    const images = await ensureImages(session, ['base-node', 'tools', 'fleet']);
    project.provide('engine', {
      toolImage: referenceOf(images, 'tools'),
      fleetImage: referenceOf(images, 'fleet'),
    });
  } catch (error) {
    await session.close();
    throw error;
  }
  return () => session.close();
};

export default setup;
