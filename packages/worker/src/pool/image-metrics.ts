/** Metrics of the node's images. Names: docs/metrics.md. */
import type { ImageList } from '@zerofleet/protocol';
import { Counter, Gauge, type Registry } from '@zerofleet/runtime';

export class ImageMetrics {
  private readonly pulls: Counter;
  private readonly removals: Counter<'why'>;
  private readonly failures: Counter<'what'>;
  private readonly bytes: Gauge;
  private readonly disk: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.pulls = new Counter({
      name: 'zf_images_pulled_total',
      help: 'Images fetched ahead of need',
      registers,
    });
    this.removals = new Counter({
      name: 'zf_images_removed_total',
      help: 'Images removed: unused for long, or for room on the disk',
      labelNames: ['why'],
      registers,
    });
    this.failures = new Counter({
      name: 'zf_images_failed_total',
      help: 'Images that could not be fetched or removed',
      labelNames: ['what'],
      registers,
    });
    this.bytes = new Gauge({
      name: 'zf_images_bytes',
      help: 'Bytes of the images of our repositories on the node, layers that they share counted each time',
      registers,
    });
    this.disk = new Gauge({
      name: 'zf_images_disk_used_ratio',
      help: 'Share of the disk that images are on which is used',
      registers,
    });
  }

  held(images: ImageList['images'], { usedBytes, totalBytes }: ImageList['disk']): void {
    this.bytes.set(images.reduce((sum, { bytes }) => sum + bytes, 0));
    this.disk.set(totalBytes === 0 ? 0 : usedBytes / totalBytes);
  }

  pulled(): void {
    this.pulls.inc();
  }

  removed(why: 'room' | 'unused'): void {
    this.removals.inc({ why });
  }

  failed(what: 'pull' | 'remove'): void {
    this.failures.inc({ what });
  }
}
