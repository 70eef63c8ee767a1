/**
 * A name server that says what a test says: for each name, what its questions are answered with, one after the other.
 *
 * Answers may be kept for no time at all, as those of whoever rebinds a name. What it was asked is noted.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** By name: the addresses of each look-up, in turn; those of the last one stay. Both versions of addresses may be in one. */
export type Zone = Readonly<Record<string, readonly (readonly string[])[]>>;

const HEADER_BYTES = 12;
const TYPE = { a: 1, aaaa: 28 } as const;
const NO_SUCH_NAME = 3;

interface Question {
  readonly name: string;
  readonly type: number;
  /** Where it ends in its message. */
  readonly end: number;
}

export class NameServer {
  /** Names in the order of their questions for IPv4 addresses, with which each look-up begins. */
  readonly asked: string[] = [];
  private readonly zone: Zone;
  private readonly socket: Socket = createSocket('udp4');

  constructor(zone: Zone) {
    this.zone = zone;
    this.socket.on('message', (message, { address, port }) =>
      this.socket.send(this.answerTo(message), port, address),
    );
  }

  async listen(port: number, address: string): Promise<void> {
    this.socket.bind(port, address);
    await once(this.socket, 'listening');
  }

  private answerTo(message: Buffer): Buffer {
    const { name, type, end } = questionOf(message);
    if (type === TYPE.a) this.asked.push(name);
    const turns = this.zone[name];
    const turn = this.asked.filter((one) => one === name).length - 1;
    const all = turns?.[Math.min(turn, turns.length - 1)] ?? [];
    const records = all.filter((one) => type === (isIPv6(one) ? TYPE.aaaa : TYPE.a)).map(recordOf);
    const head = Buffer.from(message.subarray(0, end));
    head.writeUInt16BE(0x8180 | (turns === undefined ? NO_SUCH_NAME : 0), 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    return Buffer.concat([head, ...records]);
  }
}

const questionOf = (message: Buffer): Question => {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
};

/** One address of the name that was asked for, to be kept for 0 s. */
const recordOf = (address: string): Buffer => {
  const data = isIPv6(address) ? bytesOfV6(address) : address.split('.').map(Number);
  const type = isIPv6(address) ? TYPE.aaaa : TYPE.a;
  return Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length, ...data]);
};

const bytesOfV6 = (address: string): number[] => {
  // An address as a host of an URL comes out in one spelling: words of hexadecimal digits, one `::` at most.
  const [front = '', back = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const wordsOf = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => parseInt(word, 16));
  const [head, tail] = [wordsOf(front), wordsOf(back)];
  const words = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return words.flatMap((word) => [word >> 8, word & 0xff]);
};
