#if !__has_include(<lz4frame.h>)
#error "lz4frame.h not found. Install it: sudo apt-get install liblz4-dev"
#endif
#include <lz4frame.h>
#include <lz4.h>
