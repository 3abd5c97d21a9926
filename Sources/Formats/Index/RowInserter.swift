import GRDB
import GRDBSQLite

/// Inserts rows by binding their values straight to SQLite: a million rows through GRDB's argument arrays take ten
/// times as long.
struct RowInserter {
  /// The values of one row, bound in the order of the columns.
  struct Values {
    let statement: OpaquePointer
    var column: Int32 = 0
    /// The first result code that is not SQLITE_OK.
    var code = SQLITE_OK

    /// SQLite copies what is bound with this.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private mutating func bound(_ result: Int32) {
      if code == SQLITE_OK { code = result }
    }

    private mutating func next() -> Int32 {
      column += 1
      return column
    }

    mutating func bind(_ value: Int) { bound(sqlite3_bind_int64(statement, next(), Int64(value))) }

    mutating func bind(_ value: Int?) {
      if let value { bind(value) } else { bound(sqlite3_bind_null(statement, next())) }
    }

    mutating func bind(_ value: Double?) {
      let column = next()
      bound(value.map { sqlite3_bind_double(statement, column, $0) } ?? sqlite3_bind_null(statement, column))
    }

    mutating func bind(_ value: String) {
      let column = next()
      var value = value
      let result = value.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          // Without an address SQLite would bind NULL.
          $0.isEmpty
            ? sqlite3_bind_text(statement, column, "", 0, Self.transient)
            : sqlite3_bind_text(statement, column, $0.baseAddress, Int32(clamping: $0.count), Self.transient)
        }
      }
      bound(result)
    }

    mutating func bind(_ value: RolloutID) {
      let column = next()
      bound(value.withBytes { sqlite3_bind_blob(statement, column, $0.baseAddress, Int32($0.count), Self.transient) })
    }
  }

  private let statement: OpaquePointer

  init(_ database: Database, _ table: String, columns: Int, orIgnore: Bool = false) throws {
    let places = [String](repeating: "?", count: columns).joined(separator: ",")
    statement = try database.cachedStatement(
      sql: "INSERT \(orIgnore ? "OR IGNORE " : "")INTO \(table) VALUES (\(places))"
    ).sqliteStatement
  }

  func insert(_ bind: (inout Values) -> Void) throws {
    sqlite3_reset(statement)
    var values = Values(statement: statement)
    bind(&values)
    var code = values.code
    if code == SQLITE_OK { code = sqlite3_step(statement) }
    sqlite3_reset(statement)
    guard code == SQLITE_DONE else {
      let words = sqlite3_db_handle(statement).flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
      throw DatabaseError(resultCode: ResultCode(rawValue: code), message: words)
    }
  }
}

/// The keys of texts, each made once.
struct TextKeys {
  private var keys: [String: Int] = [:]

  mutating func key(_ text: String) -> Int {
    if let key = keys[text] { return key }
    let key = Index.key(text)
    keys[text] = key
    return key
  }

  func store(_ database: Database) throws {
    let inserter = try RowInserter(database, "texts", columns: 2, orIgnore: true)
    for (text, key) in keys {
      try inserter.insert { values in
        values.bind(key)
        values.bind(text)
      }
    }
  }
}
