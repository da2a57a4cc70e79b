package edge

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// sealSize is how many bytes a record has at its end that say whether it is
// what was written.
const sealSize = 4

var errSeal = errors.New("its checksum is wrong")

// checksum is the CRC-32C of a record. The key is part of it, since a record
// under the wrong key is as bad as a wrong one.
func checksum(key, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	return crc32.Update(crc32.Update(0, table, key), table, content)
}

// seal returns content as it is kept on disk: a copy with its checksum at the
// end, big endian.
func seal(key, content []byte) []byte {
	out := make([]byte, 0, len(content)+sealSize)
	out = append(out, content...)
	return binary.BigEndian.AppendUint32(out, checksum(key, content))
}

// unseal returns the content of a record. It is a part of value.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < sealSize {
		return nil, errSeal
	}
	content := value[:len(value)-sealSize]
	if binary.BigEndian.Uint32(value[len(content):]) != checksum(key, content) {
		return nil, errSeal
	}
	return content, nil
}
