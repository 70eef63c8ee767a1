/**
 * Takes the engine's attach stream apart: 8-byte headers (stream, three zeros, length) before each piece.
 *
 * X1  At most a header is buffered: payloads are passed on as they come, whole or in parts.
 */
const HEADER_BYTES = 8;
const STDERR = 2;

export class Demux {
  private header = Buffer.alloc(0);
  private left = 0;
  private stream = 0;
  private readonly onStdout: (bytes: Buffer) => void;
  private readonly onStderr: (bytes: Buffer) => void;

  constructor(onStdout: (bytes: Buffer) => void, onStderr: (bytes: Buffer) => void) {
    this.onStdout = onStdout;
    this.onStderr = onStderr;
  }

  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.byteLength > 0) rest = this.left > 0 ? this.payload(rest) : this.head(rest);
  }

  private head(bytes: Buffer): Buffer {
    const missing = HEADER_BYTES - this.header.byteLength;
    this.header = Buffer.concat([this.header, bytes.subarray(0, missing)]);
    if (this.header.byteLength === HEADER_BYTES) {
      this.stream = this.header.readUInt8(0);
      this.left = this.header.readUInt32BE(4);
      this.header = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }

  private payload(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.left);
    this.left -= part.byteLength;
    if (this.stream === STDERR) this.onStderr(part);
    else this.onStdout(part);
    return bytes.subarray(part.byteLength);
  }
}
