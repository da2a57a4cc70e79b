package lorawan

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"github.com/brocaar/lorawan"
)

// keys are a session's keys made ready: expanding them costs more than a frame.
type keys struct {
	nwk, app cipher.Block
	k1, k2   [16]byte // subkeys of AES-CMAC (RFC 4493 §2.3) under NwkSKey
}

func newKeys(s *Session) *keys {
	k := &keys{nwk: block(s.NwkSKey), app: block(s.AppSKey)}
	var zero [16]byte
	k.nwk.Encrypt(k.k1[:], zero[:])
	double(&k.k1)
	k.k2 = k.k1
	double(&k.k2)
	return k
}

func block(key lorawan.AES128Key) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 16 bytes are always a key
	}
	return b
}

// double multiplies by x in GF(2^128) as RFC 4493 §2.3 does.
func double(b *[16]byte) {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	carry := hi >> 63
	hi, lo = hi<<1|lo>>63, lo<<1^carry*0x87
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
}

// validMIC reports whether an uplink data frame was signed with the session's
// key under the full counter fCnt (§4.4): AES-CMAC over B0 and the frame.
func (k *keys) validMIC(f *dataFrame, fCnt uint32) bool {
	var x [16]byte // B0, and from then on the chained block
	x[0] = 0x49
	address(&x, f.devAddr, fCnt)
	x[15] = byte(len(f.signed))
	k.nwk.Encrypt(x[:], x[:])
	rest := f.signed
	for len(rest) > 16 {
		subtle.XORBytes(x[:], x[:], rest[:16])
		k.nwk.Encrypt(x[:], x[:])
		rest = rest[16:]
	}
	last := &k.k1
	if len(rest) < 16 {
		x[len(rest)] ^= 0x80
		last = &k.k2
	}
	subtle.XORBytes(x[:], x[:], rest)
	subtle.XORBytes(x[:], x[:], last[:])
	k.nwk.Encrypt(x[:], x[:])
	return subtle.ConstantTimeCompare(x[:4], f.mic[:]) == 1
}

// decrypt returns the plain FRMPayload of an uplink (§4.3.3): under NwkSKey on
// port 0, else under AppSKey.
func (k *keys) decrypt(f *dataFrame, fCnt uint32) []byte {
	cipher := k.app
	if f.port == 0 {
		cipher = k.nwk
	}
	plain := make([]byte, len(f.payload))
	var a, s [16]byte
	a[0] = 1
	address(&a, f.devAddr, fCnt)
	for i := 0; i < len(plain); i += 16 {
		a[15]++
		cipher.Encrypt(s[:], a[:])
		subtle.XORBytes(plain[i:], f.payload[i:], s[:])
	}
	return plain
}

// address fills the part that the blocks B0 and A share: direction up, DevAddr
// and counter, least significant byte first.
func address(b *[16]byte, addr lorawan.DevAddr, fCnt uint32) {
	b[6], b[7], b[8], b[9] = addr[3], addr[2], addr[1], addr[0]
	binary.LittleEndian.PutUint32(b[10:], fCnt)
}
