/// The scripts that a language guess tells apart.
enum Script: Sendable {
  case latin, greek, cyrillic, hebrew, arabic, devanagari, bengali, gurmukhi, gujarati, tamil, telugu, kannada
  case malayalam, thai, han, kana, hangul, other

  init(_ scalar: Unicode.Scalar) {
    self =
      switch scalar.value {
      case 0x41...0x5A, 0x61...0x7A, 0xAA, 0xBA, 0xC0...0x24F, 0x1E00...0x1EFF, 0xFF21...0xFF3A, 0xFF41...0xFF5A: .latin
      case 0x370...0x3FF, 0x1F00...0x1FFF: .greek
      case 0x400...0x52F: .cyrillic
      case 0x590...0x5FF: .hebrew
      case 0x600...0x6FF, 0x750...0x77F, 0xFB50...0xFDFF, 0xFE70...0xFEFC: .arabic
      case 0x900...0x97F: .devanagari
      case 0x980...0x9FF: .bengali
      case 0xA00...0xA7F: .gurmukhi
      case 0xA80...0xAFF: .gujarati
      case 0xB80...0xBFF: .tamil
      case 0xC00...0xC7F: .telugu
      case 0xC80...0xCFF: .kannada
      case 0xD00...0xD7F: .malayalam
      case 0xE00...0xE7F: .thai
      case 0x3041...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9F: .kana
      case 0x2E80...0x2FDF, 0x3005...0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: .han
      case 0x1100...0x11FF, 0x3130...0x318F, 0xA960...0xA97F, 0xAC00...0xD7FF: .hangul
      default: .other
      }
  }
}

/// What a language is recognised by: its scripts, some of its most frequent words, and letters that few others have.
/// A rough guess by design: good enough to tell a German sentence from an English one, not Norwegian from Danish.
struct Language: Sendable {
  let code: String
  let scripts: [Script]
  let words: Set<String>
  let letters: Set<Unicode.Scalar>

  private init(_ code: String, _ scripts: [Script], _ words: String = "", letters: String = "") {
    self.code = code
    self.scripts = scripts
    self.words = Set(words.split(separator: " ").map(String.init))
    self.letters = Set(letters.unicodeScalars)
  }

  /// The languages, as places in the table, that a word is frequent in.
  static let byWord: [String: [Int]] = table.indices.reduce(into: [:]) { all, place in
    for word in table[place].words { all[word, default: []].append(place) }
  }

  /// The languages that a letter is special to.
  static let byLetter: [Unicode.Scalar: [Int]] = table.indices.reduce(into: [:]) { all, place in
    for letter in table[place].letters { all[letter, default: []].append(place) }
  }

  static func named(_ code: String) -> Language? { table.first { $0.code == code } }

  static let table: [Language] =
    latin + [
      Language(
        "ru", [.cyrillic], "и в не на что с по это как к но из у за от для он она они так же бы мы вы его был все",
        letters: "ыэё"),
      Language(
        "uk", [.cyrillic], "і в не на що з до це як та але із у за від для він вона вони так ж би ми ви його був є або",
        letters: "іїєґ"),
      Language("bg", [.cyrillic], "и в не на че с по това как към но от за са той тя те се да ще е съм има като или"),
      Language("el", [.greek]),
      Language("he", [.hebrew]),
      Language("ar", [.arabic], "في من على إلى أن هذا هذه التي الذي لا ما هو هي كان مع عن أو كل", letters: "ةىأإؤئ"),
      Language("fa", [.arabic], "و در به از که این است را با برای آن یک هم خود تا بر می", letters: "پچژگیک"),
      Language("ur", [.arabic], "کے میں کی ہے اور سے کا کو اس نے پر یہ کہ ہیں نہیں ایک", letters: "ٹڈڑںہےھ"),
      Language("hi", [.devanagari], "के में की है और से का को इस ने पर यह कि हैं नहीं एक"),
      Language("mr", [.devanagari], "आहे आणि या च्या ला मध्ये नाही हे एक तो ती ते होते आहेत", letters: "ळ"),
      Language("ne", [.devanagari], "छ र को मा लाई छन् भएको गर्न यो हो पनि एक थियो गरेको"),
      Language("bn", [.bengali]), Language("pa", [.gurmukhi]), Language("gu", [.gujarati]), Language("ta", [.tamil]),
      Language("te", [.telugu]), Language("kn", [.kannada]), Language("ml", [.malayalam]), Language("th", [.thai]),
      Language("ja", [.kana, .han]), Language("zh", [.han]), Language("ko", [.hangul]),
    ]

  private static let latin: [Language] = [
    Language(
      "en", [.latin],
      """
      the of and to in is that it was for on are as with his they at be this have from or had by but what some we can \
      out other were all your when how an which their if will would there so has more not you he she my do
      """),
    Language(
      "de", [.latin],
      """
      der die das und ist nicht ein eine einen einem einer mit von zu den dem des im auf für sich auch als wir ich sie \
      es wie so aber oder wenn hat haben sind war werden wird bei nach aus noch kann dass also
      """, letters: "ßäöü"),
    Language(
      "fr", [.latin],
      """
      le la les des un une et est de du en que qui dans pour pas ce cette il elle nous vous je ne sur avec au aux par \
      plus mais ou sont donc son sa ses on être avoir fait où
      """, letters: "çœêèàùûîë"),
    Language(
      "es", [.latin],
      """
      el la los las un una y es de del en que para por no con se lo su al como más pero o son está este esta si porque \
      cuando muy también entonces hay ser tiene
      """, letters: "ñ¿¡óíúá"),
    Language(
      "it", [.latin],
      """
      il lo la i gli le un una e è di del della dei in che per non con si come più ma o sono questo questa se perché \
      quando anche nel nella da al alla ha quindi essere
      """, letters: "òìàù"),
    Language(
      "pt", [.latin],
      """
      o a os as um uma e é de do da dos das em no na que para por não com se como mais mas ou são este esta isso \
      também quando muito então ser tem ao você
      """, letters: "ãõçâê"),
    Language(
      "nl", [.latin],
      """
      de het een en is van in dat niet op te zijn met voor er aan maar om ook als bij dan je we ze hij dit die naar \
      heeft worden wordt kan nog door over uit geen
      """),
    Language(
      "sv", [.latin],
      "och att det i en ett är som på för med av inte den till har om vi jag så men eller kan från var ska när han hon",
      letters: "åäö"),
    Language(
      "pl", [.latin],
      "i w nie na z do to jest się że o jak ale po za od dla oraz co czy tak są ten przez może lub już tylko być",
      letters: "łąężźśćń"),
    Language(
      "fi", [.latin], "ja on ei se että oli hän mutta ovat tai kun kuin niin myös joka voi mitä sen tämä ole kaikki",
      letters: "äö"),
    Language(
      "tr", [.latin], "ve bir bu da de için ile ne çok daha olarak gibi var en kadar ama olan değil o mi",
      letters: "ığşç"),
    Language(
      "vi", [.latin], "và là của có không được trong cho một các với này người những đã để khi thì từ ở",
      letters: "ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđơư"),
    Language("sw", [.latin], "na ya wa ni kwa katika la za kuwa cha hii hiyo si kama lakini au pia yake sana watu mtu"),
  ]
}
