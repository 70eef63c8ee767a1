/** The node's images, through the engine broker. */
import { ImageListShape, jsonParser, type ImageList, type PullRequest } from '@zerofleet/protocol';
import { BrokerRefusal, type BrokerClient } from './broker-client.js';
import { StartError } from './tool-engine.js';

/** A pull may take as long as the broker lets it, and a little more, in ms. */
const PULL_TIMEOUT_MS = 630_000;

const parseList = jsonParser(ImageListShape);

/** Every call throws as BrokerClient.ask does. */
export interface NodeImages {
  /** What the node holds of the broker's repositories. */
  list(): Promise<ImageList>;
  /** Fetches an image; at once where the node has it. */
  pull(reference: string): Promise<void>;
  /** Removes an image; false when it came into use meanwhile, or is gone. */
  remove(id: string): Promise<boolean>;
}

export class BrokerImages implements NodeImages {
  private readonly broker: BrokerClient;

  constructor(broker: BrokerClient) {
    this.broker = broker;
  }

  async list(): Promise<ImageList> {
    const parsed = parseList((await this.broker.ask('GET', '/v1/images')).body);
    if (!parsed.ok)
      throw new StartError(`the engine broker's list of images cannot be read: ${parsed.reason}`);
    return parsed.value;
  }

  async pull(reference: string): Promise<void> {
    const asked: PullRequest = { reference };
    await this.broker.ask('POST', '/v1/images/pull', asked, PULL_TIMEOUT_MS);
  }

  async remove(id: string): Promise<boolean> {
    try {
      await this.broker.ask('DELETE', `/v1/images/${id}`);
      return true;
    } catch (error) {
      if (error instanceof BrokerRefusal && ['image_in_use', 'not_found'].includes(error.reason))
        return false;
      throw error;
    }
  }
}
