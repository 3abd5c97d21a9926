import CLZ4

/// The library that compresses shards, as it is loaded.
package enum LZ4Library {
  /// Such as "1.9.4".
  package static var version: String { String(cString: LZ4_versionString()) }
}

/// LZ4 frames as Arrow's `LZ4_FRAME` codec holds them, written in the house profile: independent blocks of 1 MiB,
/// checksum on every block, none on the content, content size in the header, one frame per buffer.
///
/// polars and nanoarrow do not check content checksums; every known reader checks the blocks' (docs/format.md).
enum LZ4Frame {
  /// No byte of an LZ4 block adds more than 255 bytes of output, so a longer claim is a lie.
  static let largestRatio = 255

  private static func preferences(size: Int) -> LZ4F_preferences_t {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max1MB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled
    preferences.frameInfo.contentChecksumFlag = LZ4F_noContentChecksum
    preferences.frameInfo.contentSize = UInt64(size)
    return preferences
  }

  /// The most bytes that the frame of `size` bytes can take.
  static func bound(_ size: Int) -> Int {
    var preferences = preferences(size: size)
    return LZ4F_compressFrameBound(size, &preferences)
  }

  /// Writes one frame holding `bytes` to the start of `output`, which has room for `bound(bytes.count)`; returns its
  /// length. Its bytes are a function of `bytes` and the version of liblz4: no state goes from one frame to the next.
  static func compress(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
    var preferences = preferences(size: bytes.count)
    let size = LZ4F_compressFrame(output.baseAddress, output.count, bytes.baseAddress, bytes.count, &preferences)
    guard LZ4F_isError(size) == 0 else {
      let problem = String(cString: LZ4F_getErrorName(size))
      throw RollbookError.bug("LZ4 could not compress \(bytes.count) bytes: \(problem)")
    }
    return size
  }
}

/// Decompresses frames; keeps its working memory from one to the next. Not for use by two threads at once.
final class LZ4FrameDecoder {
  private var context: OpaquePointer?

  deinit { LZ4F_freeDecompressionContext(context) }

  /// Fills `output` with the content of the one frame that `frame` holds.
  ///
  /// - Returns: nil, or what is wrong: a checksum that does not hold, another length than `output`'s, bytes that
  ///   follow the frame.
  func decode(_ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> String? {
    if LZ4Frame.decodePlain(frame, into: output) { return nil }
    if context == nil {
      let result = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
      guard LZ4F_isError(result) == 0 else { return "no memory for an LZ4 decoder" }
    }
    LZ4F_resetDecompressionContext(context)
    var read = 0
    var written = 0
    // A stand-in keeps the pointer valid when nothing is left to write but the frame's end is still to be read.
    var spare: UInt64 = 0
    while read < frame.count {
      var inputSize = frame.count - read
      var outputSize = output.count - written
      let input = frame.baseAddress.map { $0 + read }
      let hint = withUnsafeMutableBytes(of: &spare) { spare in
        LZ4F_decompress(
          context, output.baseAddress.map { $0 + written } ?? spare.baseAddress, &outputSize, input, &inputSize, nil)
      }
      if LZ4F_isError(hint) != 0 { return "LZ4 reports \(String(cString: LZ4F_getErrorName(hint)))" }
      read += inputSize
      written += outputSize
      if hint == 0 {
        if read != frame.count { return "\(frame.count - read) bytes follow the LZ4 frame" }
        return written == output.count ? nil : "the LZ4 frame holds \(written) bytes instead of \(output.count)"
      }
      if inputSize == 0 && outputSize == 0 { return "the LZ4 frame holds more than \(output.count) bytes" }
    }
    return "the LZ4 frame is cut short"
  }
}
