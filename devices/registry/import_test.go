package registry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

const secret = "00112233445566778899aabbccddeeff"

func build(text, format string, o CSVOptions, b Builder) ([]devices.Device, error) {
	records, err := Read(strings.NewReader(text), format, o)
	if err != nil {
		return nil, err
	}
	b.Profiles = testProfiles
	return b.Build(records)
}

var places = map[string]string{"municipality": "stadt", "edge": "rathaus", "lat": "51.7", "lon": "8.75"}

func TestCSVAsSpreadsheetsWriteIt(t *testing.T) {
	const german = "dev_eui;profile;name;lat;lon;app_key\n70-B3-D5-7E-D0-05-F1-A0;counter;Königsstraße – Süd;51,7189;8,7575;" + secret + "\n;;;;;\n"
	latin := bytes.ReplaceAll([]byte(german), []byte("ö"), []byte{0xf6})
	for from, to := range map[string]byte{"ß": 0xdf, "–": 0x96, "ü": 0xfc} {
		latin = bytes.ReplaceAll(latin, []byte(from), []byte{to})
	}
	for name, text := range map[string]string{
		"semicolon": german, "BOM, CRLF": "\ufeff" + strings.ReplaceAll(german, "\n", "\r\n"), "Windows-1252": string(latin),
		"tab": strings.ReplaceAll(german, ";", "\t"),
	} {
		list, err := build(text, "auto", CSVOptions{}, Builder{Defaults: places})
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %v, %v", name, list, err)
			continue
		}
		d := list[0]
		if d.Name != "Königsstraße – Süd" || d.Place != (devices.Place{Lat: 51.7189, Lon: 8.7575}) || d.Station != "stadt-verkehr-001" || d.Keys.AppKey.Hex() != secret {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestHeadingsAreMapped(t *testing.T) {
	const text = "DevEUI,Bezeichnung,Breitengrad,Längengrad,AppKey,Wartung,profil\n70b3d57ed005f1a0,Tor,51.7,8.75," + secret + ",jährlich,counter\n"
	_, err := build(text, "csv", CSVOptions{}, Builder{})
	var heading *HeadingError
	if !errors.As(err, &heading) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{
		`--map "dev_eui=DevEUI" --map "name=Bezeichnung" --map "lat=Breitengrad" --map "lon=Längengrad" --map "app_key=AppKey" --ignore "Wartung" --map "profile=profil"`,
		"municipality is missing", "edge is missing", `column "Wartung" is unknown: --map COLUMN="Wartung"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant it to say %s", err, want)
		}
	}
	m := map[string]string{"dev_eui": "DevEUI", "name": "Bezeichnung", "lat": "Breitengrad", "lon": "Längengrad", "app_key": "AppKey", "profile": "profil"}
	list, err := build(text, "csv", CSVOptions{Map: m, Ignore: []string{"Wartung"}}, Builder{Defaults: places})
	if err != nil || len(list) != 1 || list[0].Name != "Tor" {
		t.Errorf("%v, %v", list, err)
	}
	for want, m := range map[string]map[string]string{
		"there is no column colour":      {"colour": "DevEUI"},
		`the file has no column "Gerät"`: {"dev_eui": "Gerät"},
	} {
		if _, err := build(text, "csv", CSVOptions{Map: m}, Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if _, err := build("dev_eui,dev_eui\n", "csv", CSVOptions{}, Builder{}); err == nil || !strings.Contains(err.Error(), "are both dev_eui") {
		t.Errorf("error %v", err)
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	var text strings.Builder
	text.WriteString("dev_eui,profile,lat,app_key\n70b3,counter,51.7," + secret + "\n")
	for i := range 30 {
		fmt.Fprintf(&text, "70b3d57ed005f1%02x,kounter,north,%s\n", i, secret[:30])
	}
	list, err := build(text.String(), "csv", CSVOptions{}, Builder{Defaults: places})
	if err == nil || list != nil {
		t.Fatal(list, err)
	}
	for _, want := range []string{
		`line 2: dev_eui: EUI "70b3"`, `line 3: lat: "north", want degrees like 51.7189`, "line 3: app_key: key has 30 characters",
		`line 3: profile: "kounter" is unknown, perhaps counter`, "and 71 more",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant it to say %s", err, want)
		}
	}
	if strings.Contains(err.Error(), secret[:30]) || strings.Count(err.Error(), "\n") != maxProblems {
		t.Errorf("%v", err)
	}
}

func TestKnownDevicesKeepWhatAListDoesNotSay(t *testing.T) {
	d := device(1)
	d.Owner, d.Variables, d.Nonces, d.Disabled = "Tiefbauamt", map[string]string{"a": "b"}, 3, true
	abp := device(2)
	abp.Keys, abp.ResetFCnt = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}}, true
	known := map[uplink.EUI]devices.Device{d.EUI: d, abp.EUI: abp}
	list, err := build("dev_eui,name,owner,app_key,edge\n0100000000000000,Neu,,,\n0200000000000000,,,"+secret+",feuerwache\n", "csv", CSVOptions{}, Builder{Known: known, Defaults: places})
	if err != nil {
		t.Fatal(err)
	}
	d.Name, d.Owner = "Neu", ""
	abp.Edge, abp.Keys, abp.ResetFCnt = "feuerwache", list[1].Keys, false
	if diff := cmp.Diff([]devices.Device{d, abp}, list); diff != "" || !abp.Keys.OTAA() || abp.Keys.ABP() {
		t.Error(diff)
	}
	added, changed, unchanged := Diff(known, append(list, device(3)))
	if len(added) != 1 || len(changed) != 2 || unchanged != 0 {
		t.Error(len(added), len(changed), unchanged)
	}
	// A household's device does not come to a public station.
	_, err = build("dev_eui,profile,station,visibility,app_key\n0300000000000000,counter,stadt-verkehr-1,internal,"+secret+"\n", "csv", CSVOptions{}, Builder{Known: known, Defaults: places})
	if err == nil || !strings.Contains(err.Error(), "public and internal devices") {
		t.Errorf("error %v", err)
	}
}

func TestStationsAreNumbered(t *testing.T) {
	known := device(9)
	known.Station = "stadt-verkehr-007"
	text := "dev_eui,profile,station,app_key\n0100000000000000,counter,," + secret + "\n0200000000000000,counter,stadt-verkehr-011," + secret + "\n0300000000000000,counter,," + secret + "\n"
	list, err := build(text, "csv", CSVOptions{}, Builder{Known: map[uplink.EUI]devices.Device{known.EUI: known}, Defaults: places})
	if err != nil || list[0].Station != "stadt-verkehr-012" || list[2].Station != "stadt-verkehr-013" || list[0].Name == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestExportAndImportAgain(t *testing.T) {
	d := device(1)
	d.Segment, d.Owner, d.Variables = devices.Segment{{Lat: 51.7, Lon: 8.7}, {Lat: 51.8, Lon: 8.7}}, "=2+2", map[string]string{"a": "b,\"c\""}
	meter := device(2)
	meter.Profile, meter.Domain = "meter", uplink.Energy
	meter.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{5}, AppSKey: devices.Key{6}, SNwkSIntKey: devices.Key{8}, NwkSEncKey: devices.Key{9}}
	meter.ResetFCnt, meter.Disabled = true, true
	meter.Visibility, meter.District, meter.Road, meter.Connection, meter.Group = devices.Internal, "Elsen", "B 64, \"Abschnitt\" 12", "a-0815", "nord"
	want := []devices.Device{d, meter, device(3)}
	known := map[uplink.EUI]devices.Device{}
	for _, d := range want {
		known[d.EUI] = d
	}
	for _, format := range []string{"csv", "json"} {
		for _, secrets := range []bool{true, false} {
			var out bytes.Buffer
			write := map[string]func() error{
				"csv":  func() error { return WriteCSV(&out, want, secrets) },
				"json": func() error { return WriteJSON(&out, want, secrets) },
			}[format]
			if err := write(); err != nil {
				t.Fatal(err)
			}
			b := Builder{Known: known}
			if secrets {
				b.Known = nil
			}
			got, err := build(out.String(), "auto", CSVOptions{}, b)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, secrets %t: %v\n%s", format, secrets, err, diff)
			}
			if !secrets && (strings.Contains(out.String(), "key") || strings.Contains(out.String(), "01020304") || strings.Contains(out.String(), "0815")) {
				t.Errorf("keys in\n%s", out.String())
			}
		}
	}
}

const qrExample = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C"

func TestParseQR(t *testing.T) {
	q, err := ParseQR(qrExample)
	want := QR{
		JoinEUI: uplink.EUI{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}, DevEUI: uplink.EUI{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11},
		Vendor: 0xaabb, VendorProfile: 0x1122, OwnerToken: "AABBCCDDEEFF", Serial: "YYWWNNNNNN", Proprietary: "FOOBAR",
	}
	if err != nil || q != want {
		t.Errorf("%+v, %v", q, err)
	}
	for text, want := range map[string]string{
		"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122":      "",
		"LW:D0:1122334455667788:aabbccddeeff0011:aabb1122:S1\n": "",
		"":                    "none of LoRa Alliance TR005",
		"https://example.org": "none of LoRa Alliance TR005",
		"URN:LW:DP:1122334455667788:AABBCCDDEEFF0011:AABB1122": "none of LoRa Alliance TR005",
		"LW:D0:112233445566778:AABBCCDDEEFF0011:AABB1122":      "JoinEUI:",
		"LW:D0:1122334455667788:AABBCCDDEEFF001X:AABB1122":     "DevEUI:",
		"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB112":      `ProfileID "AABB112", want 8`,
		"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:":    "field 6 is empty",
		"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:X1":  `field 6 begins with "X"`,
		strings.Replace(qrExample, "FOOBAR", "FOOBAZ", 1):      "checksum AF2C does not fit",
		qrExample + ":S1": "not the last field",
		strings.Replace(qrExample, "CAF2C", "CAF2", 1): "want 4 hexadecimal digits",
	} {
		_, err := ParseQR(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "OAABBCCDDEEFF")) {
			t.Errorf("%q: error %v, want it to say %q", text, err, want)
		}
	}
}

const chirpstackJSON = `{"totalCount":3,"result":[
 {"devEui":"0101010101010101","joinEui":"0000000000000000","name":"Zähler Nord","deviceProfileName":"counter","nwkKey":"` + secret + `","appKey":"00000000000000000000000000000000","tags":{"municipality":"stadt","district":"Elsen","road":"B 64","edge":"rathaus","lat":"51.7","lon":"8.75","note":"x"},"variables":{"height":"2.5"}},
 {"device":{"devEui":"0202020202020202","name":"Trafo","deviceProfileName":"meter","isDisabled":true,"tags":{"connection":"a-0815","group":"nord"}},"deviceKeys":{"nwkKey":"` + secret + `","appKey":"ffeeddccbbaa99887766554433221100"}},
 {"device":{"devEui":"0303030303030303","name":"ABP","deviceProfileName":"Their Counter"},"deviceActivation":{"devAddr":"01020304","appSKey":"` + secret + `","nwkSEncKey":"0f112233445566778899aabbccddeeff","sNwkSIntKey":"0f112233445566778899aabbccddeeff","fNwkSIntKey":"0f112233445566778899aabbccddeeff"}}]}`

func TestChirpStack(t *testing.T) {
	list, err := build(chirpstackJSON, "auto", CSVOptions{}, Builder{Defaults: places, ProfileNames: map[string]string{"Their Counter": "counter"}})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if d := list[0]; d.Keys.AppKey.Hex() != secret || d.Keys.NwkKey != (devices.Key{}) || d.Variables["height"] != "2.5" || d.Name != "Zähler Nord" || d.District != "Elsen" || d.Road != "B 64" {
		t.Errorf("1.0: %+v", Fields(d, true))
	}
	if d := list[1]; d.Keys.NwkKey.Hex() != secret || d.Keys.AppKey.Hex()[:4] != "ffee" || !d.Disabled || d.Connection != "a-0815" || d.Group != "nord" {
		t.Errorf("1.1: %+v", Fields(d, true))
	}
	if d := list[2]; !d.Keys.ABP() || d.Keys.NwkSKey.Hex()[:2] != "0f" || d.Keys.DevAddr != [4]byte{1, 2, 3, 4} {
		t.Errorf("ABP: %+v", Fields(d, true))
	}
	const csv = "devEui;joinEui;name;deviceProfileName;nwkKey;appKey;lastSeenAt\n0101010101010101;;Nord;counter;" + secret + ";;2026\n"
	if list, err := build(csv, "auto", CSVOptions{}, Builder{Defaults: places}); err != nil || list[0].Keys.AppKey.Hex() != secret {
		t.Errorf("CSV: %v, %v", list, err)
	}
	for text, want := range map[string]string{
		`{"result":[{"devEui":7,"nwkKey":"` + secret + `"}]}`:                       "device 1: devEui is a number, want a string",
		`[{"devEui":"0101","nwkKey":"` + secret + `"}]`:                             "device 1: dev_eui: EUI \"0101\"",
		`[{"devEui":"0101010101010101","deviceProfileName":"counter"}]`:             "device 1 (0101010101010101): app_key: want either",
		`[{"devEui":"0101010101010101","deviceProfileName":"x","nwkKey":"` + secret: "unexpected EOF",
		`[7]`:             "cannot unmarshal", // names no value
		`"devEui"`:        "",                 // CSV
		"devEui,colour\n": `column "colour" is unknown`,
	} {
		_, err := build(text, "chirpstack", CSVOptions{}, Builder{Defaults: places})
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) && want != "cannot unmarshal" || err != nil && strings.Contains(err.Error(), secret)) {
			t.Errorf("%.60s: error %v, want it to say %q", text, err, want)
		}
	}
}

const ttsJSON = `{"ids":{"device_id":"zaehler-nord","application_ids":{"application_id":"stadt"},"dev_eui":"0101010101010101","join_eui":"0000000000000001"},
 "version_ids":{"brand_id":"acme","model_id":"counter"},"lorawan_version":"MAC_V1_0_3","supports_join":true,
 "locations":{"user":{"latitude":51.7189,"longitude":8.7575,"source":"SOURCE_REGISTRY"}},"attributes":{"municipality":"stadt","road":"B 64"},
 "root_keys":{"root_key_id":"x","app_key":{"key":"` + secret + `"}}}
{"ids":{"device_id":"trafo","dev_eui":"0202020202020202"},"name":"Trafo","attributes":{"profile":"meter"},"supports_join":true,"root_keys":{"app_key":{"key":"` + secret + `"},"nwk_key":{"key":"` + secret + `"}}}
[{"ids":{"device_id":"abp","dev_eui":"0303030303030303"},"attributes":{"profile":"counter"},"session":{"dev_addr":"01020304","keys":{"app_s_key":{"key":"` + secret + `"},"f_nwk_s_int_key":{"key":"` + secret + `"},"s_nwk_s_int_key":{"key":"` + secret + `"},"nwk_s_enc_key":{"key":"` + secret + `"}}}}]`

func TestTTS(t *testing.T) {
	b := Builder{Defaults: places, ProfileNames: map[string]string{"acme/counter": "counter"}}
	list, err := build(ttsJSON, "auto", CSVOptions{}, b)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if d := list[0]; d.Keys.AppKey.Hex() != secret || d.Place != (devices.Place{Lat: 51.7189, Lon: 8.7575}) || d.Name != "zaehler-nord" || d.Profile != "counter" || d.Road != "B 64" {
		t.Errorf("%+v", Fields(d, true))
	}
	if d := list[1]; d.Keys.NwkKey.Hex() != secret || d.Name != "Trafo" {
		t.Errorf("1.1: %+v", Fields(d, true))
	}
	if d := list[2]; !d.Keys.ABP() || d.Keys.SNwkSIntKey != (devices.Key{}) {
		t.Errorf("ABP: %+v", Fields(d, true))
	}
	for text, want := range map[string]string{
		`{"ids":{"dev_eui":"0101010101010101"},"root_keys":{"app_key":{"encrypted_key":"AAAA","kek_label":"k"}}}`: "device 1 (0101010101010101): root_keys.app_key is wrapped",
		`{"ids":[]}`: "ids is a array, want",
		`{"ids":{"dev_eui":"0101010101010101"},"root_keys":{"app_key":{"key":"` + secret[:30] + `"}}}`: "app_key: key has 30 characters",
	} {
		_, err := build(text, "tts", CSVOptions{}, b)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret[:30]) {
			t.Errorf("%.60s: error %v, want it to say %q", text, err, want)
		}
	}
}

// fuzz reads anything, and checks that what is understood is one device each
// and can be put.
func fuzz(t *testing.T, format, text string) {
	list, err := build(text, format, CSVOptions{}, Builder{Defaults: places})
	if err != nil {
		if list != nil {
			t.Error("devices and an error")
		}
		return
	}
	for _, d := range list {
		if err := Check(d); err != nil {
			t.Errorf("device %s: %v", d.EUI, err)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("dev_eui,app_key,profile\n70B3D57ED005F1A0," + secret + ",counter\n")
	f.Add("dev_eui;lat;segment;variables;app_key;profile\n70B3D57ED005F1A0;51,7;\"LINESTRING (1 2, 3 4)\";\"{}\";" + secret + ";counter\n")
	f.Add("dev_eui,app_key,nwk_key,profile,district,road,connection,group,visibility,variables\n0200000000000000," + secret + "," + secret + ",meter,Elsen,B 64,a-0815,nord,public,\"{\"\"rated_power\"\":\"\"630\"\"}\"\n")
	f.Add("\"")
	f.Add("\xff;\x96")
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "csv", text) })
}

func FuzzTR005(f *testing.F) {
	f.Add(qrExample)
	f.Add("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122")
	f.Add("LW:D0:::PX:C")
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := ParseQR(text); err != nil && q != (QR{}) {
			t.Error("a code and an error")
		}
	})
}

func FuzzChirpStack(f *testing.F) {
	f.Add(chirpstackJSON)
	f.Add("devEui;nwkKey\n0101010101010101;" + secret)
	f.Add(`[{"device":null,"tags":{"lat":"x"}}]`)
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "chirpstack", text) })
}

func FuzzTTS(f *testing.F) {
	f.Add(ttsJSON)
	f.Add(`{"end_devices":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "tts", text) })
}

func FuzzJSON(f *testing.F) {
	f.Add(`[{"dev_eui":"0101010101010101","profile":"counter","app_key":"` + secret + `","variables":{"a":"b"},"lat":51.7}]`)
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "json", text) })
}
