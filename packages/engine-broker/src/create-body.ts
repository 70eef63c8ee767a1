/**
 * The one place where a container's create body is made. Nothing in it comes from a caller but the pool spec's numbers.
 *
 * B1  No bind, no device, no capability beyond SETUID, SETGID and KILL for the supervisor, no network, no log on the host.
 * B2  Everything a job can fill has a size: memory (without swap), pids, work, tmp, shm, open files.
 * B3  Jobs of no two containers are the same user of the kernel (job-users.ts).
 * B4  StdinOnce: when the attach ends, whoever held it, the container's stdin ends and the runner with it.
 */
import type { PoolSpec } from '@zerofleet/model';
import { CONTAINER_LABEL, TOOL_ROLE } from '@zerofleet/protocol';
import type { ContainerCreateOptions } from 'dockerode';

const NANO_CPUS_PER_MILLI = 1_000_000;
const MIB = 1024 ** 2;
const SHM_MIB = 16;
const OPEN_FILES = 1_024;

/** Who a container belongs to. */
export interface Owner {
  readonly worker: string;
  readonly boot: string;
}

export const createBody = (options: {
  readonly pool: PoolSpec;
  /** The id that the pool's image reference was resolved to. */
  readonly image: string;
  readonly poolKey: string;
  readonly owner: Owner;
  /** This broker's name. */
  readonly broker: string;
  /** The seccomp profile as JSON text. */
  readonly seccomp: string;
  /** User and group that its jobs run as. */
  readonly uid: number;
}): ContainerCreateOptions => {
  const { pool, owner, uid } = options;
  const { resources } = pool;
  const memory = resources.memoryMiB * MIB;
  const userTmpfs = `rw,nosuid,nodev,uid=${uid},gid=${uid},mode=0700`;
  return {
    // By its id: what the reference means may change at any time.
    Image: options.image,
    // Behind the image's entry point, which is the runner.
    Cmd: ['--uid', String(uid), '--gid', String(uid)],
    Labels: {
      [CONTAINER_LABEL.role]: TOOL_ROLE,
      [CONTAINER_LABEL.broker]: options.broker,
      [CONTAINER_LABEL.worker]: owner.worker,
      [CONTAINER_LABEL.boot]: owner.boot,
      [CONTAINER_LABEL.pool]: options.poolKey,
    },
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    StopTimeout: 1,
    NetworkDisabled: true,
    HostConfig: {
      NetworkMode: 'none',
      Init: true,
      AutoRemove: true,
      RestartPolicy: { Name: '' },
      LogConfig: { Type: 'none', Config: {} },
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: ['SETUID', 'SETGID', 'KILL'],
      SecurityOpt: ['no-new-privileges:true', `seccomp=${options.seccomp}`],
      Tmpfs: {
        '/work': `${userTmpfs},size=${resources.workMiB}m`,
        '/tmp': `rw,nosuid,nodev,mode=1777,size=${resources.tmpMiB}m`,
      },
      ShmSize: SHM_MIB * MIB,
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: resources.cpuMilli * NANO_CPUS_PER_MILLI,
      PidsLimit: resources.pids,
      Ulimits: [
        { Name: 'nofile', Soft: OPEN_FILES, Hard: OPEN_FILES },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      IpcMode: 'private',
      OomScoreAdj: 500,
      ...(pool.runtime === 'runc' ? {} : { Runtime: pool.runtime }),
    },
  };
};
