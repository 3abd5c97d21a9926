// Every kernel once, for the processor that the including file names. CK(name) adds its suffix.
#include "vector.h"
#include "norm.h"
#include "rotary.h"
#include "gate.h"
#include "attention_parts.h"
#include "attention.h"
#include "softmax.h"
#include "adamw.h"
