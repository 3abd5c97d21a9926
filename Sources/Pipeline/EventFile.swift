/// TensorBoard's event file: TFRecord frames around protobuf `Event` messages, written by hand.
///
/// Frame: length u64, masked CRC-32C of the length u32, bytes, masked CRC-32C of the bytes u32, all little-endian.
/// `Event`: wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5 (message).
/// `Summary`: value = 1 (repeated message); `Value`: tag = 1 (string), simple_value = 2 (float).
/// The first event carries `file_version` "brain.Event:2" and no step.
package enum EventFile {
  /// The first record of a file.
  package static func header(wallTime: Double) -> [UInt8] {
    var event = Message()
    event.double(1, wallTime)
    event.bytes(3, Array("brain.Event:2".utf8))
    return frame(event.content)
  }

  /// A record of scalars, all of one step. NaN and infinities are allowed: TensorBoard marks them.
  package static func scalars(wallTime: Double, step: Int, _ values: [(tag: String, value: Double)]) -> [UInt8] {
    var summary = Message()
    for (tag, value) in values {
      var item = Message()
      item.bytes(1, Array(tag.utf8))
      item.float(2, Float(value))
      summary.bytes(1, item.content)
    }
    var event = Message()
    event.double(1, wallTime)
    event.integer(2, step)
    event.bytes(5, summary.content)
    return frame(event.content)
  }

  /// A TFRecord frame around bytes.
  package static func frame(_ bytes: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(bytes.count))
    return length + littleEndian(Checksum.masked(length)) + bytes + littleEndian(Checksum.masked(bytes))
  }

  /// How many whole frames with right checksums the bytes hold, and where the last of them ends.
  package static func frames(_ bytes: [UInt8]) -> (count: Int, end: Int) {
    var (count, place) = (0, 0)
    while bytes.count - place >= 16 {
      let head = bytes[place..<place + 8]
      guard integer(bytes, place + 8) == Checksum.masked(head) else { break }
      let length = head.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= UInt64(bytes.count - place - 16) else { break }
      let end = place + 12 + Int(length)
      guard integer(bytes, end) == Checksum.masked(bytes[place + 12..<end]) else { break }
      place = end + 4
      count += 1
    }
    return (count, place)
  }

  private static func integer(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  fileprivate static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  /// A protobuf message under construction (protobuf encoding: key = field << 3 | wire type).
  private struct Message {
    private(set) var content: [UInt8] = []

    /// Wire type 0.
    mutating func integer(_ field: Int, _ value: Int) {
      varint(UInt64(field << 3))
      varint(UInt64(bitPattern: Int64(value)))
    }

    /// Wire type 1.
    mutating func double(_ field: Int, _ value: Double) {
      varint(UInt64(field << 3 | 1))
      content += littleEndian(value.bitPattern)
    }

    /// Wire type 2.
    mutating func bytes(_ field: Int, _ value: [UInt8]) {
      varint(UInt64(field << 3 | 2))
      varint(UInt64(value.count))
      content += value
    }

    /// Wire type 5.
    mutating func float(_ field: Int, _ value: Float) {
      varint(UInt64(field << 3 | 5))
      content += littleEndian(value.bitPattern)
    }

    private mutating func varint(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        content.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      content.append(UInt8(rest))
    }
  }
}
