package broker

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// connectHead is the most bytes of a CONNECT until it is known whether a user
// name is in it.
const connectHead = 1 + 4 + 2 + 6 + 1 + 1

// withoutLogin reports whether a CONNECT that begins with head has no user
// name (MQTT 3.1.1 §3.1.2, MQTT 5 §3.1.2: the highest bit of its flags). It is
// not known while head is too short; what is no CONNECT is left to others.
func withoutLogin(head []byte) (anonymous, known bool) {
	if len(head) == 0 {
		return false, false
	}
	if head[0] != 0x10 {
		return false, true
	}
	at := 1
	for ; ; at++ { // the length of the packet
		switch {
		case at > 4:
			return false, true
		case at >= len(head):
			return false, false
		case head[at]&0x80 != 0:
			continue
		}
		break
	}
	at++
	if len(head) < at+2 {
		return false, false
	}
	name := int(binary.BigEndian.Uint16(head[at:]))
	if name != len("MQTT") && name != len("MQIsdp") {
		return false, true
	}
	flags := at + 2 + name + 1
	if len(head) <= flags {
		return false, false
	}
	return head[flags]&0x80 == 0, true
}

// peek reads the begin of a connection, which Read returns again, until it is
// known whether it is one of an anonymous reader.
func (c *conn) peek() (anonymous bool, err error) {
	head := make([]byte, 0, connectHead)
	for {
		if anonymous, known := withoutLogin(head); known || len(head) == cap(head) {
			c.head = head
			return anonymous, nil
		}
		n, err := c.Conn.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil && n == 0 {
			return false, err
		}
	}
}

// network is the address of a peer; of IPv6 the network of 64 bits that one
// subscriber has.
func network(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	return ip
}
