package highwater

// #include <highwater.h>
//
// void goHighwaterLog(uint32_t level, char *message, size_t length, void *context);
//
// static void forward_log(void) {
//     highwater_log_set_callback((highwater_log_callback)goHighwaterLog, NULL);
// }
import "C"

import (
	"context"
	"log/slog"
	"sync/atomic"
	"unsafe"
)

var logger atomic.Pointer[slog.Logger]

// ForwardLog sends what the library has to say, for the whole process, to target; nil ends it.
func ForwardLog(target *slog.Logger) {
	logger.Store(target)
	if target == nil {
		C.highwater_log_set_callback(nil, nil)
	} else {
		C.forward_log()
	}
}

//export goHighwaterLog
func goHighwaterLog(level C.uint32_t, message *C.char, length C.size_t, _ unsafe.Pointer) {
	target := logger.Load()
	if target == nil {
		return
	}
	severity := slog.LevelError
	switch level {
	case C.HIGHWATER_LOG_LEVEL_WARNING:
		severity = slog.LevelWarn
	case C.HIGHWATER_LOG_LEVEL_INFORMATION:
		severity = slog.LevelInfo
	}
	target.Log(context.Background(), severity, C.GoStringN(message, C.int(length)))
}
