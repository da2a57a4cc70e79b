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
	fInt, sInt mac          // sInt of 1.1 only
	nwk, app   cipher.Block // that encrypt port 0 and options, and all other ports
}

// maxReady is how many sessions have their keys expanded, at more than 1 kB each;
// expanding them again costs less than a microsecond.
const maxReady = 8192

// warm expands the keys of a session and forgets those of the one that has had
// them for the longest time, when there are too many.
func (n *Network) warm(s *Session) {
	if s.made != nil {
		return
	}
	if len(n.ready) < maxReady {
		n.ready = append(n.ready, s)
	} else {
		n.ready[n.oldest].made = nil
		n.ready[n.oldest] = s
		n.oldest = (n.oldest + 1) % maxReady
	}
	s.made = newKeys(s)
}

// mac is a key of AES-CMAC with its subkeys (RFC 4493 §2.3).
type mac struct {
	block  cipher.Block
	k1, k2 [16]byte
}

func newKeys(s *Session) *keys {
	k := &keys{fInt: newMAC(s.NwkSKey), app: block(s.AppSKey)}
	k.nwk = k.fInt.block
	if s.V11 {
		k.sInt, k.nwk = newMAC(s.SNwkSIntKey), block(s.NwkSEncKey)
	}
	return k
}

func newMAC(key lorawan.AES128Key) mac {
	m := mac{block: block(key)}
	var zero [16]byte
	m.block.Encrypt(m.k1[:], zero[:])
	double(&m.k1)
	m.k2 = m.k1
	double(&m.k2)
	return m
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

// sum replaces x, the first block of a message, by the AES-CMAC of x and rest.
// rest must not be empty.
func (m *mac) sum(x *[16]byte, rest []byte) {
	m.block.Encrypt(x[:], x[:])
	for len(rest) > 16 {
		subtle.XORBytes(x[:], x[:], rest[:16])
		m.block.Encrypt(x[:], x[:])
		rest = rest[16:]
	}
	last := &m.k1
	if len(rest) < 16 {
		x[len(rest)] ^= 0x80
		last = &m.k2
	}
	subtle.XORBytes(x[:], x[:], rest)
	subtle.XORBytes(x[:], x[:], last[:])
	m.block.Encrypt(x[:], x[:])
}

// sent is how a frame was sent, as its integrity code in 1.1 says.
type sent struct{ dr, channel uint8 }

// validMIC reports whether an uplink data frame was signed with the session's
// keys under the full counter fCnt (§4.4; in 1.1 also with one of the ways that
// it can have been sent, TS001-1.1 §4.4).
func (s *Session) validMIC(f *dataFrame, fCnt uint32, ways []sent) bool {
	k := s.ready()
	var x [16]byte // B0
	x[0] = 0x49
	address(&x, f.devAddr, fCnt)
	x[15] = byte(len(f.signed))
	k.fInt.sum(&x, f.signed)
	if !s.V11 {
		return subtle.ConstantTimeCompare(x[:4], f.mic[:]) == 1
	}
	if subtle.ConstantTimeCompare(x[:2], f.mic[2:]) != 1 {
		return false
	}
	acknowledged := []uint16{0}
	if f.ack && len(s.Confirmed) > 0 {
		acknowledged = s.Confirmed
	}
	for _, way := range ways {
		for _, conf := range acknowledged {
			b := [16]byte{0: 0x49, 3: way.dr, 4: way.channel} // B1
			binary.LittleEndian.PutUint16(b[1:], conf)
			address(&b, f.devAddr, fCnt)
			b[15] = byte(len(f.signed))
			k.sInt.sum(&b, f.signed)
			if subtle.ConstantTimeCompare(b[:2], f.mic[:2]) == 1 {
				return true
			}
		}
	}
	return false
}

// decrypt returns the plain FRMPayload of an uplink (§4.3.3): under the
// network's key on port 0, else under AppSKey.
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

// decryptFOpts returns the plain options of an uplink of 1.1 (TS001-1.1
// §4.3.1.6 with its erratum on FOpts encryption).
func (k *keys) decryptFOpts(f *dataFrame, fCnt uint32) []byte {
	if len(f.fOpts) == 0 {
		return nil
	}
	a := [16]byte{0: 1, 4: 1, 15: 1}
	address(&a, f.devAddr, fCnt)
	k.nwk.Encrypt(a[:], a[:])
	plain := make([]byte, len(f.fOpts)) // at most 15
	subtle.XORBytes(plain, f.fOpts, a[:])
	return plain
}

// address fills the part that the blocks B0, B1 and A share: direction up,
// DevAddr and counter, least significant byte first.
func address(b *[16]byte, addr lorawan.DevAddr, fCnt uint32) {
	b[6], b[7], b[8], b[9] = addr[3], addr[2], addr[1], addr[0]
	binary.LittleEndian.PutUint32(b[10:], fCnt)
}

// derive computes a session or join key: aes128_encrypt(root, kind | rest),
// padded with zeros.
func derive(root lorawan.AES128Key, kind byte, rest ...byte) (key lorawan.AES128Key) {
	in := [16]byte{kind}
	copy(in[1:], rest)
	block(root).Encrypt(key[:], in[:])
	return key
}
