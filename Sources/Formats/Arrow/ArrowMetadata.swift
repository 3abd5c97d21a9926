/// Numbers of Arrow's `Message.fbs`, `Schema.fbs` and `File.fbs`: slot ids of tables and tags of unions.
enum ArrowMetadata {
  /// `ARROW1`, at the start (padded to 8 bytes) and at the end of a file.
  static let magic: [UInt8] = Array("ARROW1".utf8)
  static let paddedMagic: [UInt8] = magic + [0, 0]
  /// Precedes every message's length.
  static let continuation: UInt32 = 0xffff_ffff
  /// Continuation and a length of zero: no more messages.
  static let endOfStream: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]
  /// MetadataVersion.V5, the version since Arrow 1.0.
  static let version: Int16 = 4

  enum Message { static let version = 0, headerType = 1, header = 2, bodyLength = 3 }
  enum Header { static let schema: UInt8 = 1, dictionaryBatch: UInt8 = 2, recordBatch: UInt8 = 3 }
  enum Schema { static let endianness = 0, fields = 1, metadata = 2 }
  enum Field { static let name = 0, nullable = 1, typeTag = 2, type = 3, dictionary = 4, children = 5 }
  enum KeyValue { static let key = 0, value = 1 }
  enum RecordBatch { static let length = 0, nodes = 1, buffers = 2, compression = 3, variadicCounts = 4 }
  enum Compression { static let codec = 0, method = 1 }
  enum Footer { static let version = 0, schema = 1, dictionaries = 2, recordBatches = 3 }
  enum TypeTag {
    static let int: UInt8 = 2, floatingPoint: UInt8 = 3, binary: UInt8 = 4, utf8: UInt8 = 5, bool: UInt8 = 6
    static let list: UInt8 = 12, fixedSizeBinary: UInt8 = 15
  }

  /// Fields, or metadata entries, that a schema may have; far above any sensible file.
  static let entryLimit = 10_000
  /// How deep lists may lie in lists.
  static let depthLimit = 8
  /// Bytes that a schema's names and metadata may take together when read.
  static let textLimit = 64 << 20
  /// Rows in one batch; 64-bit counts are optional for Arrow's readers.
  static let rowLimit = Int(Int32.max)

  /// What an unsupported type is called.
  static func name(ofTag tag: UInt8) -> String {
    let names = [
      1: "Null", 7: "Decimal", 8: "Date", 9: "Time", 10: "Timestamp", 11: "Interval", 13: "Struct", 14: "Union",
      16: "FixedSizeList", 17: "Map", 18: "Duration", 19: "LargeBinary", 20: "LargeUtf8", 21: "LargeList",
      22: "RunEndEncoded", 23: "BinaryView", 24: "Utf8View", 25: "ListView", 26: "LargeListView",
    ]
    return names[Int(tag)] ?? "type \(tag)"
  }
}

/// Where a batch lies in a file: `Block` of the footer.
struct ArrowBlock: Equatable, Sendable {
  /// Of the message's first byte.
  var offset: Int
  /// Of the message's prefix, flatbuffer and padding.
  var metadataLength: Int
  var bodyLength: Int

  var end: Int { offset + metadataLength + bodyLength }
}

func paddedToEight(_ count: Int) -> Int { (count + 7) & ~7 }
