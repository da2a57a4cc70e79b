package basicstation

import (
	"encoding/json"
	"testing"

	"github.com/brocaar/lorawan"
)

var roof = lorawan.EUI64{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}

func TestEUI(t *testing.T) {
	zero, one := lorawan.EUI64{}, lorawan.EUI64{7: 1}
	tests := map[string]struct {
		want lorawan.EUI64
		ok   bool
	}{
		`"a84041ffff1eec20"`:                {roof, true},
		`"A84041FFFF1EEC20"`:                {roof, true},
		`"A8-40-41-FF-FF-1E-EC-20"`:         {roof, true},
		`"a8:40:41:ff:ff:1e:ec:20"`:         {roof, true},
		`"a840:41ff:ff1e:ec20"`:             {roof, true},
		`12123762764634057760`:              {roof, true},
		`1`:                                 {one, true},
		`"0:0:0:1"`:                         {one, true},
		`"::1"`:                             {one, true},
		`"::0"`:                             {zero, true},
		`"::"`:                              {zero, true},
		`"f::1"`:                            {lorawan.EUI64{1: 0xf, 7: 1}, true},
		`"a::"`:                             {lorawan.EUI64{1: 0xa}, true},
		`"b8:27eb::1"`:                      {lorawan.EUI64{1: 0xb8, 2: 0x27, 3: 0xeb, 7: 1}, true},
		`""`:                                {zero, false},
		`"a84041ffff1eec2"`:                 {zero, false},
		`"a84041ffff1eec2x"`:                {zero, false},
		`"a8:40:41:ff:ff:1e:ec:2"`:          {zero, false},
		`"1:2:3"`:                           {zero, false},
		`"1:2:3:4:5"`:                       {zero, false},
		`"1:2:3::4"`:                        {zero, false},
		`"1::2::3"`:                         {zero, false},
		`"1:2:3:10000"`:                     {zero, false},
		`"1:2:3:-4"`:                        {zero, false},
		`":::"`:                             {zero, false},
		`-1`:                                {zero, false},
		`1e3`:                               {zero, false},
		`18446744073709551616`:              {zero, false},
		`null`:                              {zero, false},
		`{}`:                                {zero, false},
		`"\ud83d\ude00\ud83d\ude00xxxxxxx"`: {zero, false},
	}
	for in, tt := range tests {
		var e eui
		err := json.Unmarshal([]byte(in), &e)
		if (err == nil) != tt.ok || tt.ok && lorawan.EUI64(e) != tt.want {
			t.Errorf("%s: got %x, %v", in, e, err)
		}
	}
	if got := id6(roof); got != "a840:41ff:ff1e:ec20" {
		t.Errorf("ID6 of %s is %s", roof, got)
	}
}
