/** The process at the far end of an island's network: is told what is there, says that it is, and tells who came whenever asked. */
import { once } from 'node:events';
import { Listeners, type Guests } from './listeners.js';
import { makeFar, type NetworkPlan } from './network.js';

/** What it is told first; anything after that asks for guests. */
export interface FarPlan {
  readonly network: NetworkPlan;
  readonly places: readonly string[];
}

const tell = (guests: Guests): void =>
  void process.send?.({ ...guests }, undefined, undefined, () => undefined);

process.once('disconnect', () => process.exit(0));
const listeners = new Listeners();
tell(listeners);
const [{ network, places }] = (await once(process, 'message')) as [FarPlan];
await makeFar(network);
await listeners.listen(places);
tell(listeners);
process.on('message', () => tell(listeners));
