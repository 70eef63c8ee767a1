/** What a stopped dockerd leaves behind: shims, mounts, network namespaces, bridges. */
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { attempt } from '../exec.js';
import { unmountBelow } from './mounts.js';

/** Clears it away for the engine with these folders; `usual` says whether its bridges have the usual names. */
export const cleanLeftovers = async (
  engine: { readonly exec: string; readonly data: string },
  usual: boolean,
): Promise<void> => {
  endShims(engine.exec);
  const real = engine.exec.replace(/^\/var\/run\//, '/run/');
  await unmountBelow([`${real}/netns/`, `${real}/containerd/`, `${engine.data}/`]);
  rmSync(`${real}/netns`, { recursive: true, force: true });
  if (usual)
    for (const bridge of ['docker0', 'docker_gwbridge']) await attempt('ip', ['link', 'del', bridge]);
};

/** Ends containerd and shims whose command line names this engine's folder. */
const endShims = (exec: string): void => {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [program = '', ...args] = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (
        /(^|\/)containerd(-shim[^/]*)?$/.test(program) &&
        args.some((arg) => arg.startsWith(`${exec}/containerd/`))
      )
        process.kill(Number(name), 'SIGKILL');
    } catch {
      // ended in between
    }
  }
};
