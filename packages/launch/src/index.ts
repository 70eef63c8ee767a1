/** Runs a fleet from code, as `npm start` does: for end-to-end and chaos tests, load tests and benches. */
export { LaunchError, Interrupted } from './errors.js';
export { Session, recover } from './session.js';
export { startJanitor } from './janitor.js';
export { type Fleet } from './fleet/fleet.js';
export {
  startEmbedded,
  type EmbeddedFleet,
  type EmbeddedNode,
  type EmbeddedOptions,
  type PartName,
} from './fleet/embedded.js';
export { temporaryFolder } from './fleet/surroundings.js';
export { Part } from './fleet/part.js';
export { startLab, type Lab, type LabCoordinator, type LabOptions } from './lab/lab.js';
export { startNatsAlone, type NatsAlone } from './lab/nats-alone.js';
export { deploySwarm, type SwarmFleet, type SwarmOptions, type SwarmService } from './swarm/deploy.js';
export { containerOf, killService, probe, servicesOf, type ServiceState } from './swarm/stack.js';
export { readLedger, redisOf, withNats } from './swarm/ledger.js';
export { readStream } from './streams.js';
export { ensureEngine, whyNoEngine } from './host/engine.js';
export { docker, engineAnswers } from './host/docker.js';
export { copyDisk, makeDisk, mountDisk, removeDisk, whyNoDisks, type Disk } from './host/disk.js';
export { ensureIproute } from './host/iproute.js';
export { ensureNats, type NatsBinary } from './host/nats.js';
export { ensureRedis } from './host/redis.js';
export { ensurePython } from './host/python.js';
export {
  ensureImages,
  imagesEnv,
  planImages,
  referenceOf,
  type ImageName,
  type Images,
} from './images/build.js';
export { coldLatencies, median, warmLatencies } from './samples/latency.js';
export {
  hashOfKey,
  newApiKey,
  operatorEntry,
  operatorsFile,
  tenantEntry,
  tenantsFile,
  type TenantKey,
} from './keys.js';
export { DEFINITIONS, ensureFolder, ROOT } from './paths.js';
export { run, which } from './exec.js';
export { fixedPort } from './ports.js';
