/** The images of the Docker engine, as the broker uses them: find, pull, list, remove, and the disk that they are on. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import Docker from 'dockerode';
import { answeredWith, EngineError, within } from './engine-call.js';

const CALL_TIMEOUT_MS = 20_000;
/** A pull that takes longer is given up, in ms. */
const PULL_TIMEOUT_MS = 600_000;

/** What an image is: its id, and the digests by which registries know it. */
export interface ImageIdentity {
  readonly id: string;
  /** Each with its repository, `repository@sha256:…`. */
  readonly digests: readonly string[];
}

/** An image that the node holds. */
export interface HeldImage extends ImageIdentity {
  readonly tags: readonly string[];
  readonly bytes: number;
}

export interface DiskUse {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

export class DockerImages {
  private readonly docker: Docker;
  private diskPath: string | undefined;

  constructor(socketPath: string) {
    this.docker = new Docker({ socketPath });
  }

  /** What the node has under `reference`; undefined when it has nothing. */
  async find(reference: string): Promise<ImageIdentity | undefined> {
    try {
      const inspected = this.docker.getImage(reference).inspect();
      const { Id: id, RepoDigests: digests } = await within('image', CALL_TIMEOUT_MS, inspected);
      return { id, digests: digests ?? [] };
    } catch (error) {
      if (answeredWith(error, 404)) return undefined;
      throw error;
    }
  }

  /** Pulls `reference` from its registry. Throws EngineError with what the registry said. */
  async pull(reference: string): Promise<void> {
    await within('pull', PULL_TIMEOUT_MS, this.pulled(reference));
  }

  private async pulled(reference: string): Promise<void> {
    const progress = await this.docker.pull(reference);
    await new Promise<void>((resolve, reject) => {
      this.docker.modem.followProgress(progress, (error) => {
        if (error === null) resolve();
        else reject(new EngineError('engine_failed', error.message));
      });
    });
  }

  async list(): Promise<HeldImage[]> {
    const images = await within('images', CALL_TIMEOUT_MS, this.docker.listImages({ digests: true }));
    return images.map(({ Id: id, RepoTags: tags, RepoDigests: digests, Size: bytes }) => ({
      id,
      bytes,
      tags: tags ?? [],
      digests: digests ?? [],
    }));
  }

  /** Ids of the images that there is a container of, whoever made it, running or not. */
  async inUse(): Promise<ReadonlySet<string>> {
    const all = this.docker.listContainers({ all: true });
    const containers = await within('containers', CALL_TIMEOUT_MS, all);
    return new Set(containers.map(({ ImageID: id }) => id));
  }

  /** Takes a name from an image; the image goes with its last one. One that is not there is fine. */
  async remove(name: string): Promise<void> {
    try {
      await within('remove image', CALL_TIMEOUT_MS, this.docker.getImage(name).remove());
    } catch (error) {
      if (!answeredWith(error, 404)) throw error;
    }
  }

  /**
   * The disk that the engine keeps images on. In a container the engine's folder is not there, and the root is an overlay on that
   * very disk.
   */
  async disk(): Promise<DiskUse> {
    this.diskPath ??= await this.findDiskPath();
    const { bsize, blocks, bavail } = await statfs(this.diskPath);
    return { totalBytes: blocks * bsize, usedBytes: (blocks - bavail) * bsize };
  }

  private async findDiskPath(): Promise<string> {
    const info = (await within('info', CALL_TIMEOUT_MS, this.docker.info())) as { DockerRootDir?: string };
    const folder = info.DockerRootDir ?? '/';
    return existsSync(folder) ? folder : '/';
  }
}
