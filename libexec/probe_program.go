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

// trialProgram gives an executable that writes a byte to its stdout, waits for one
// from its stdin or for its end, and exits with 0; or nil where nobody has written
// it for the processor yet.
func trialProgram() []byte {
	var code []byte
	var machine uint16
	switch runtime.GOARCH {
	case "amd64":
		machine = 62
		code = []byte{
			0xb8, 1, 0, 0, 0, //    mov $1, %eax (write)
			0xbf, 1, 0, 0, 0, //    mov $1, %edi
			0x48, 0x89, 0xe6, //    mov %rsp, %rsi
			0xba, 1, 0, 0, 0, //    mov $1, %edx
			0x0f, 0x05, //          syscall
			0x31, 0xc0, //          xor %eax, %eax (read)
			0x31, 0xff, //          xor %edi, %edi
			0x0f, 0x05, //          syscall
			0xb8, 60, 0, 0, 0, //   mov $60, %eax (exit)
			0x31, 0xff, //          xor %edi, %edi
			0x0f, 0x05, //          syscall
		}
	case "arm64":
		machine = 183
		code = []byte{
			0x08, 0x08, 0x80, 0xd2, // mov x8, #64 (write)
			0x20, 0x00, 0x80, 0xd2, // mov x0, #1
			0xe1, 0x03, 0x00, 0x91, // mov x1, sp
			0x22, 0x00, 0x80, 0xd2, // mov x2, #1
			0x01, 0x00, 0x00, 0xd4, // svc #0
			0xe8, 0x07, 0x80, 0xd2, // mov x8, #63 (read)
			0x00, 0x00, 0x80, 0xd2, // mov x0, #0
			0x01, 0x00, 0x00, 0xd4, // svc #0
			0xa8, 0x0b, 0x80, 0xd2, // mov x8, #93 (exit)
			0x00, 0x00, 0x80, 0xd2, // mov x0, #0
			0x01, 0x00, 0x00, 0xd4, // svc #0
		}
	case "riscv64":
		machine = 243
		code = []byte{
			0x93, 0x08, 0x00, 0x04, // li a7, 64 (write)
			0x13, 0x05, 0x10, 0x00, // li a0, 1
			0x93, 0x05, 0x01, 0x00, // mv a1, sp
			0x13, 0x06, 0x10, 0x00, // li a2, 1
			0x73, 0x00, 0x00, 0x00, // ecall
			0x93, 0x08, 0xf0, 0x03, // li a7, 63 (read)
			0x13, 0x05, 0x00, 0x00, // li a0, 0
			0x73, 0x00, 0x00, 0x00, // ecall
			0x93, 0x08, 0xd0, 0x05, // li a7, 93 (exit)
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
