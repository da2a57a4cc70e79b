package registry

import (
	"fmt"
	"strconv"
	"strings"

	"modellregion/uplink"
)

// QR is the text of a device's QR code, LoRa Alliance TR005 (LoRaWAN Device
// Identification QR Codes, 1.0). It holds no key: the vendor sends those
// another way.
type QR struct {
	JoinEUI, DevEUI uplink.EUI
	Vendor          uint16 // as the LoRa Alliance assigns it
	VendorProfile   uint16 // as the vendor does
	OwnerToken      string // proves ownership to a join server: treat it as a secret
	Serial          string
	Proprietary     string
}

// qrForm is what a QR code looks like.
const qrForm = "LW:D0:<JoinEUI>:<DevEUI>:<ProfileID>, with :O…, :S…, :P… and :C… perhaps"

// ParseQR reads a QR code's text; a checksum that is there must fit. Errors
// do not repeat what comes behind the identifiers.
func ParseQR(text string) (QR, error) {
	text = strings.TrimSpace(text)
	parts := strings.Split(text, ":")
	wrong := func(format string, args ...any) (QR, error) {
		return QR{}, fmt.Errorf("QR code %.49q: %s, want %s", text, fmt.Sprintf(format, args...), qrForm)
	}
	if len(parts) < 5 || parts[0] != "LW" || parts[1] != "D0" {
		return wrong("it is none of LoRa Alliance TR005")
	}
	var q QR
	var err error
	if q.JoinEUI, err = uplink.ParseEUI(parts[2]); err != nil {
		return wrong("JoinEUI: %v", err)
	}
	if q.DevEUI, err = uplink.ParseEUI(parts[3]); err != nil {
		return wrong("DevEUI: %v", err)
	}
	id, err := strconv.ParseUint(parts[4], 16, 32)
	if err != nil || len(parts[4]) != 8 {
		return wrong("ProfileID %.16q, want 8 hexadecimal digits", parts[4])
	}
	q.Vendor, q.VendorProfile = uint16(id>>16), uint16(id)
	for i, part := range parts[5:] {
		if part == "" {
			return wrong("field %d is empty", 6+i)
		}
		switch value := part[1:]; part[0] {
		case 'O':
			q.OwnerToken = value
		case 'S':
			q.Serial = value
		case 'P':
			q.Proprietary = value
		case 'C':
			if 5+i != len(parts)-1 {
				return wrong("its checksum is not the last field")
			}
			if err := checkQR(text, value); err != nil {
				return wrong("%v", err)
			}
		default:
			return wrong("field %d begins with %.1q", 6+i, part)
		}
	}
	return q, nil
}

// checkQR compares the checksum of a code, in hexadecimal digits, with that of
// all before its field.
func checkQR(text, checksum string) error {
	want, err := strconv.ParseUint(checksum, 16, 16)
	if err != nil || len(checksum) != 4 {
		return fmt.Errorf("checksum %.8q, want 4 hexadecimal digits", checksum)
	}
	before := text[:len(text)-len(":C")-len(checksum)]
	if got := crc16(before); uint64(got) != want {
		return fmt.Errorf("checksum %s does not fit the text, which has %04X: scan it again", checksum, got)
	}
	return nil
}

// crc16 is CRC-16/MODBUS: polynomial 0x8005 reflected, initial value 0xffff.
// It is the one that gives the AF2C of the example in TR005.
func crc16(s string) uint16 {
	crc := uint16(0xffff)
	for _, c := range []byte(s) {
		crc ^= uint16(c)
		for range 8 {
			odd := crc & 1
			crc >>= 1
			if odd == 1 {
				crc ^= 0xa001
			}
		}
	}
	return crc
}
