/// Elementary functions that this module needs without a C library; the same bits on every machine.

/// cos(πx) for x in [0, 1], to the last digits of a Double.
func cosine(ofPiTimes x: Double) -> Double {
  // cos(πx) = −cos(π(1 − x)): the series runs on at most π/2.
  if x > 0.5 { return -cosine(ofPiTimes: 1 - x) }
  if x == 0.5 { return 0 }
  let square = (Double.pi * x) * (Double.pi * x)
  // Horner: 1 − s/(1·2) (1 − s/(3·4) (1 − …)); terms beyond (π/2)^26 / 26! are below 1e-20.
  var sum = 1.0
  for index in stride(from: 26.0, through: 2, by: -2) { sum = 1 - square / (index * (index - 1)) * sum }
  return sum
}

/// e^x for x in [−700, 0]; below, 0.
func exponential(_ x: Double) -> Double {
  guard x > -700 else { return 0 }
  // The series on |x| ≤ 1/16, then squared back.
  var halvings = 0
  var small = x
  while small < -0.0625 {
    small /= 2
    halvings += 1
  }
  var sum = 1.0
  for index in stride(from: 14.0, through: 1, by: -1) { sum = 1 + small / index * sum }
  for _ in 0..<halvings { sum *= sum }
  return sum
}

/// The `degree`-th root of x in [0, 1]; degree 1 to 4.
func root(_ x: Double, degree: Int) -> Double {
  guard x > 0 else { return 0 }
  switch degree {
  case 1: return x
  case 2: return x.squareRoot()
  case 4: return x.squareRoot().squareRoot()
  default:
    // Newton from above; the square root is an upper bound of no cube root in [0, 1], 1 is.
    var y = 1.0
    for _ in 0..<2000 {
      let next = (2 * y + x / (y * y)) / 3
      guard next < y else { break }
      y = next
    }
    return y
  }
}
