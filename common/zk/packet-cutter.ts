// Splits the byte stream of a ZooKeeper connection into packets: a length (4 bytes, big-endian), then so many bytes. The library
// itself would do it by recursion, and copy the rest of the bytes for every packet.

/** A larger length is not credible. A list of 100,000 children has about 3 MB. */
const PACKET_BYTES_MAX = 16 * 1024 * 1024;

export class PacketCutter {
  #chunks: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * The next complete packet, with its length; null if it has not arrived completely. Throws RangeError if the length is invalid.
   */
  next(): Buffer | null {
    if (this.#bytes < 4) return null;
    const size = this.#head(4).readInt32BE(0);
    if (size < 0 || size > PACKET_BYTES_MAX) throw new RangeError(`packet of ${size} bytes`);
    if (this.#bytes < 4 + size) return null;
    const head = this.#head(4 + size);
    const rest = head.subarray(4 + size);
    this.#chunks[0] = rest;
    if (rest.length === 0) this.#chunks.shift();
    this.#bytes -= 4 + size;
    return head.subarray(0, 4 + size);
  }

  /** The first chunk. It is joined with all others if it has fewer than `length` bytes. */
  #head(length: number): Buffer {
    let head = this.#chunks[0] ?? Buffer.alloc(0);
    if (head.length >= length) return head;
    head = Buffer.concat(this.#chunks);
    this.#chunks = [head];
    return head;
  }
}
