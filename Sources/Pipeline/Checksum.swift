/// Cyclic redundancy checks of 32 bits, reflected, initial value and final XOR all ones.
package enum Checksum {
  private static let castagnoli = table(0x82F6_3B78)
  private static let ethernet = table(0xEDB8_8320)

  private static func table(_ polynomial: UInt32) -> [UInt32] {
    (0..<256).map { index in
      (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ polynomial : crc >> 1 }
    }
  }

  private static func check(_ bytes: some Sequence<UInt8>, _ table: [UInt32]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)] }
  }

  /// CRC-32C (Castagnoli; RFC 3720 appendix B.4), as TFRecord files use it.
  package static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 { check(bytes, castagnoli) }

  /// CRC-32 (ISO 3309), as PNG files use it.
  package static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 { check(bytes, ethernet) }

  /// TFRecord's masked form: rotated right by 15 bits, plus a constant, so that a record that holds checksums of
  /// records does not confuse the checksum.
  package static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let crc = crc32c(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
