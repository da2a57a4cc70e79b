package javascript

import (
	"testing"
	"time"
)

// expressions are true.
var expressions = []string{
	// The time is that of the reception, in UTC; 2026-03-29T01:30:00.005Z.
	"i.recvTime instanceof Date && i.recvTime.getTime() === 1774747800005",
	"Date.now() === 1774747800005 && +new Date() === Date.now()",
	"new Date(i.recvTime) - i.recvTime === 0",
	"Date() === 'Sun Mar 29 2026 01:30:00 GMT+0000 (Coordinated Universal Time)'",
	"Date() === new Date().toString() && `${new Date()}` === Date()",
	"JSON.stringify(new Date()) === '\"2026-03-29T01:30:00.005Z\"'",
	"new Date().constructor === Date && Date.length === 7 && Date.name === 'Date'",
	"new Date().getTimezoneOffset() === 0",
	"new Date(2026, 2, 29, 2, 30).toISOString() === '2026-03-29T02:30:00.000Z'",
	"new Date(2026, 0).getTime() === Date.UTC(2026, 0)",
	"new Date('2026-03-29T02:30:00').getHours() === 2",
	"new Date('2026-03-29').getTime() === Date.UTC(2026, 2, 29)",
	"new Date('2026-03-29T02:30:00+02:00').getUTCHours() === 0",
	"new Date('Mar 29, 2026 02:30:00').getHours() === 2",
	"new Date('01-02-2026 10:00').getTime() === Date.UTC(2026, 0, 2, 10)",
	"new Date('Sun Mar 29 2026 01:30:00 GMT+0200').getHours() === 23",
	"isNaN(new Date('x')) && String(new Date('x')) === 'Invalid Date' && isNaN(Date.parse('x'))",
	"(() => { const d = new Date(0); d.setHours(25); return d.getDate() === 2 && d.getHours() === 1 && d.getDay() === 5 })()",
	"new Date(0).toLocaleString() === '1/1/1970, 12:00:00 AM' && new Date(0).getYear() === 70",
	"(() => { class D extends Date { x() { return this.getTime() } } return new D(5).x() === 5 && new D().x() === Date.now() })()",

	"Buffer.from([1, 2, 255]).toString('hex') === '0102ff' && Buffer.from('0102fF', 'hex').length === 3",
	"Buffer.from('01zz', 'hex').length === 1 && Buffer.from('012', 'hex').length === 1",
	"Buffer.from([1, 256, -1, 1.9, '7']).toString('hex') === '0100ff0107'",
	"Buffer.from('\u00e4\u20ac\U0001F600').toString() === '\u00e4\u20ac\U0001F600'",
	"Buffer.from('\u00e4\u20ac').toString('hex') === 'c3a4e282ac'",
	"Buffer.from([0xc3, 0x41, 0xe2, 0x82, 0xff]).toString('utf8') === '\ufffdA\ufffd\ufffd'",
	"Buffer.from('aGk=', 'base64').toString() === 'hi' && Buffer.from('hi').toString('base64') === 'aGk='",
	"Buffer.from('-_8', 'base64').toString('hex') === 'fbff' && Buffer.from('fbff', 'hex').toString('base64url') === '-_8'",
	"Buffer.from([0xe4, 0x41]).toString('ascii') === 'dA' && Buffer.from([0xe4]).toString('latin1') === '\u00e4'",
	"Buffer.alloc(3).length === 3 && Buffer.alloc(2, 7)[1] === 7 && Buffer.alloc(3, 'ab').toString() === 'aba'",
	"Buffer.concat([Buffer.from([1]), new Uint8Array([2])]).toString('hex') === '0102' && Buffer.concat([Buffer.from([1, 2])], 1).length === 1",
	"Buffer.isBuffer(Buffer.alloc(1)) && !Buffer.isBuffer([]) && Buffer.alloc(1) instanceof Uint8Array",
	"(() => { const b = Buffer.from([1, 2, 3]); b.slice(1)[0] = 9; return b[1] === 9 && Buffer.isBuffer(b.slice(1, 2)) && b.slice(-1)[0] === 3 })()",
	"Buffer.from(Buffer.from([5]))[0] === 5 && Buffer.from(new Uint8Array([6]).buffer)[0] === 6",
	"Buffer.from([1, 2]).equals(Buffer.from([1, 2])) && Buffer.from([1]).compare(Buffer.from([2])) === -1",
	"b.readUInt8(0) === 0x81 && b.readInt8(0) === -127 && b.readUint8(1) === 2 && b.readInt8() === -127",
	"b.readUInt16LE(0) === 0x0281 && b.readUInt16BE(0) === 0x8102 && b.readInt16BE(0) === 0x8102 - 65536 && b.readInt16LE(0) === 0x0281",
	"b.readUInt32LE(0) === 0x04030281 && b.readUInt32BE(0) === 0x81020304 && b.readInt32BE(0) === 0x81020304 - 2 ** 32 && b.readInt32LE(4) === 0x08070605",
	"b.readUIntBE(0, 3) === 0x810203 && b.readUIntLE(0, 3) === 0x030281 && b.readIntBE(0, 3) === 0x810203 - 2 ** 24 && b.readIntLE(0, 6) === 0x060504030281",
	"b.readUIntBE(0, 6) === 0x810203040506 && b.readIntBE(0, 6) === 0x810203040506 - 2 ** 48 && b.readBigUInt64BE(0) === 0x8102030405060708n",
	"Buffer.from('0000c03f', 'hex').readFloatLE(0) === 1.5 && Buffer.from('3fc00000', 'hex').readFloatBE() === 1.5",
	"Buffer.from('3ff8000000000000', 'hex').readDoubleBE(0) === 1.5 && Buffer.from('000000000000f83f', 'hex').readDoubleLE(0) === 1.5",
	"(() => { try { b.readUInt16LE(7) } catch (e) { return e instanceof RangeError } })()",
	"(() => { const w = Buffer.alloc(8); return w.writeInt16BE(-2, 1) === 3 && w.toString('hex') === '00fffe0000000000' })()",
	"(() => { const w = Buffer.alloc(4); w.writeFloatLE(1.5); return w.toString('hex') === '0000c03f' })()",
	"(() => { const w = Buffer.alloc(4); w.writeUInt32LE(0xfffefdfc); return w.readUInt32LE() === 0xfffefdfc && w.writeIntBE(-3, 0, 3) === 3 && w.readIntBE(0, 3) === -3 })()",
	"(() => { const w = Buffer.alloc(4); return w.write('ab', 1) === 2 && w.write('cdef', 3) === 1 && w.toString() === '\\0abc' && w.fill('xy').toString() === 'xyxy' })()",
	"(() => { const w = Buffer.alloc(2); return b.copy(w, 1, 3) === 1 && w[1] === 4 })()",
	"[...Buffer.from([1, 2])].join() === '1,2' && Buffer.from([1, 2]).map((x) => x * 2)[1] === 4 && Buffer.from([3]).reverse()[0] === 3",
	"typeof b.toString('hex').match(/../g).map((x) => parseInt(x, 16)).reduce((a, c) => a + c) === 'number'",

	"btoa('') === '' && btoa('a') === 'YQ==' && btoa('abc') === 'YWJj' && atob('YQ==') === 'a' && atob(' YWJj ') === 'abc'",
	"(() => { try { atob('*') } catch (e) { return true } })() && (() => { try { btoa('\\u0100') } catch (e) { return true } })()",
	"console.log('x') === undefined && console.warn() === undefined",
}

func TestPrelude(t *testing.T) {
	for _, e := range expressions {
		p := compileTest(t, "const b = Buffer.from([0x81, 2, 3, 4, 5, 6, 7, 8]); function decodeUplink(i) { return { data: "+e+" } }")
		out, err := p.DecodeUplink(Input{RecvTime: recvTime.In(time.FixedZone("x", 7200))})
		if err != nil || out.Data != true {
			t.Errorf("%s: %v, %v", e, out.Data, err)
		}
	}
}

// A codec that asks for the time at its top level is loaded in every call.
func TestClockAtTopLevel(t *testing.T) {
	p := compileTest(t, "const now = new Date(); let n = 0; function decodeUplink(i) { return { data: [now.getTime(), ++n] } }")
	for _, at := range []time.Time{recvTime, recvTime.Add(time.Hour)} {
		out, err := p.DecodeUplink(Input{RecvTime: at})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Data.([]any); got[0] != float64(at.UnixMilli()) || got[1] != 1.0 {
			t.Errorf("%v, want %d", got, at.UnixMilli())
		}
	}
}
