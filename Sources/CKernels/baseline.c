// The kernels for any processor; where it is the only version, under the public names themselves.
#include "include/ckernels.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#define CK(name) name##_baseline
#else
#define CK(name) name
#endif
// Vectors never cross a call: every helper is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#include "kernels/all.h"
