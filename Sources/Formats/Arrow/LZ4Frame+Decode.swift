internal import CLZ4
internal import CXXHash

extension LZ4Frame {
  /// Decodes a frame of the house profile block by block, straight into `output`, with every checksum compared.
  ///
  /// `LZ4F_decompress` decodes a block into memory of its own and copies it when there is less room than the largest
  /// block takes, which is so for every buffer of a shard.
  ///
  /// - Returns: False for anything but a sound frame with independent blocks, content size and no content checksum
  ///   that fills `output`. `LZ4F_decompress` is then to say what is wrong, or to decode what is merely different;
  ///   what is in `output` by then means nothing.
  static func decodePlain(_ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    func word(_ position: Int) -> UInt32 {
      UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }
    // Magic, FLG, BD, content size, header checksum: 15 bytes; then at least the end mark.
    guard frame.count >= 19, let base = frame.baseAddress, word(0) == 0x184d_2204 else { return false }
    let (flags, descriptor) = (frame[4], frame[5])
    // Version 1, independent blocks, content size; whether blocks have checksums is left open.
    guard flags & 0b1110_1111 == 0b0110_1000, descriptor & 0b1000_1111 == 0, descriptor >> 4 >= 4 else { return false }
    let blockLimit = 1 << (8 + 2 * Int(descriptor >> 4))
    let size = UInt64(littleEndian: frame.loadUnaligned(fromByteOffset: 6, as: UInt64.self))
    guard size == UInt64(output.count), UInt8(XXH32(base + 4, 10, 0) >> 8 & 0xff) == frame[14] else { return false }
    let checksumLength = flags & 0b0001_0000 != 0 ? 4 : 0
    var read = 15
    var written = 0
    while frame.count - read >= 4 {
      let header = word(read)
      read += 4
      if header == 0 { return read == frame.count && written == output.count }
      let length = Int(header & 0x7fff_ffff)
      guard length <= blockLimit, length <= frame.count - read - checksumLength else { return false }
      if checksumLength > 0, XXH32(base + read, length, 0) != word(read + length) { return false }
      let room = min(blockLimit, output.count - written)
      guard let target = output.baseAddress else { return false }
      if header >> 31 == 1 {
        guard length <= room else { return false }
        (target + written).copyMemory(from: base + read, byteCount: length)
        written += length
      } else {
        let count = LZ4_decompress_safe(
          (base + read).assumingMemoryBound(to: CChar.self), (target + written).assumingMemoryBound(to: CChar.self),
          Int32(length), Int32(room))
        guard count >= 0 else { return false }
        written += Int(count)
      }
      read += length + checksumLength
    }
    return false
  }
}
