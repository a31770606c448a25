// getinfo.uptime in Go, with the C interface exported by cgo.
package main

/*
#cgo CFLAGS: -I.
#include "getinfo_provider.h"
#include <stdlib.h>

static int emit_to(getinfo_emit emit, void *sink, char *text, size_t len) { return emit(sink, text, len); }
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

type request struct {
	// The arguments, split as a shell splits them.
	Words []string `json:"words"`
}

type reply struct {
	UptimeSeconds float64 `json:"uptime_seconds"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

const description = `{"api":1,"method":"getinfo.uptime","version":"1.0.0","summary":"how long this machine has been up",
"examples":[{"args":"","help":"the uptime"}],"output_schema":{"type":"object","additionalProperties":false,
"required":["uptime_seconds"],"properties":{"uptime_seconds":{"type":"number","description":"The time since boot."}}}}`

func say(emit C.getinfo_emit, sink unsafe.Pointer, text []byte) {
	piece := C.CString(string(text))
	defer C.free(unsafe.Pointer(piece))
	C.emit_to(emit, sink, piece, C.size_t(len(text)))
}

//export describe
func describe(emit C.getinfo_emit, sink unsafe.Pointer) C.int {
	say(emit, sink, []byte(description))
	return 0
}

//export call
func call(text *C.char, length C.size_t, emit C.getinfo_emit, sink unsafe.Pointer) C.int {
	value, failed := uptime(C.GoBytes(unsafe.Pointer(text), C.int(length)))
	if failed != nil {
		encoded, _ := json.Marshal(failed)
		say(emit, sink, encoded)
		return 1
	}
	encoded, _ := json.Marshal(value)
	say(emit, sink, encoded)
	return 0
}

func uptime(text []byte) (*reply, *failure) {
	var received request
	if err := json.Unmarshal(text, &received); err != nil {
		return nil, &failure{"bad_request", err.Error()}
	}
	if len(received.Words) > 0 {
		// The host replies to -h from the description, because it is a usage error here.
		return nil, &failure{"usage", fmt.Sprintf("takes no arguments, got %q", received.Words[0])}
	}
	proc, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return nil, &failure{"unreadable", err.Error()}
	}
	first, _, _ := strings.Cut(string(proc), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return nil, &failure{"unreadable", fmt.Sprintf("/proc/uptime: %v", err)}
	}
	return &reply{seconds}, nil
}

func main() {}
