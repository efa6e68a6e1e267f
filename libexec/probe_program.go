// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"encoding/binary"
	"runtime"
)

// The two headers of an ELF file, as the ELF specification draws them. They are
// here because debug/elf, which has them too, brings a decompressor along.
type (
	elfHeader struct {
		Ident                                                [16]byte
		Type, Machine                                        uint16
		Version                                              uint32
		Entry, Phoff, Shoff                                  uint64
		Flags                                                uint32
		Ehsize, Phentsize, Phnum, Shentsize, Shnum, Shstrndx uint16
	}
	elfSegment struct {
		Type, Flags                                uint32
		Offset, Vaddr, Paddr, Filesz, Memsz, Align uint64
	}
)

// exitProgram gives an executable that does nothing but exit(0), or nil where
// nobody has written it for the processor yet.
func exitProgram() []byte {
	var code []byte
	var machine uint16
	switch runtime.GOARCH {
	case "amd64":
		machine = 62
		code = []byte{
			0xb8, 60, 0, 0, 0, // mov $60, %eax
			0x31, 0xff, //        xor %edi, %edi
			0x0f, 0x05, //        syscall
		}
	case "arm64":
		machine = 183
		code = []byte{
			0xa8, 0x0b, 0x80, 0xd2, // mov x8, #93
			0x00, 0x00, 0x80, 0xd2, // mov x0, #0
			0x01, 0x00, 0x00, 0xd4, // svc #0
		}
	case "riscv64":
		machine = 243
		code = []byte{
			0x93, 0x08, 0xd0, 0x05, // li a7, 93
			0x13, 0x05, 0x00, 0x00, // li a0, 0
			0x73, 0x00, 0x00, 0x00, // ecall
		}
	default:
		return nil
	}
	const base = 0x400000
	const headers = 64 + 56
	size := uint64(headers + len(code))
	var file bytes.Buffer
	head := elfHeader{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, // 64 bits, little endian, version 1
		Type:  2, Machine: machine, Version: 1,        // an executable at a fixed address
		Entry: base + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	load := elfSegment{
		Type: 1, Flags: 5, // loaded, readable and executable
		Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 0x1000,
	}
	// Writes into a buffer do not fail.
	_ = binary.Write(&file, binary.LittleEndian, head)
	_ = binary.Write(&file, binary.LittleEndian, load)
	file.Write(code)
	return file.Bytes()
}
