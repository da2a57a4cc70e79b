package feedback

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fields are those of a good form, changed.
func fields(edit ...string) url.Values {
	v := url.Values{FieldAbout: {"station/paderborn-verkehr-003"}, FieldLang: {"de"}, FieldText: {"Der Zähler steht still."}}
	for i := 0; i < len(edit); i += 2 {
		v.Set(edit[i], edit[i+1])
	}
	return v
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, field, value string
		want               Code // "": it is good
	}{
		{"all", FieldLang, "en", ""},
		{"the portal", FieldAbout, "portal", ""},
		{"a dataset", FieldAbout, "dataset/verkehr", ""},
		{"nothing", FieldAbout, "", Unknown},
		{"a portal with an id", FieldAbout, "portal/", Unknown},
		{"a dataset without", FieldAbout, "dataset/", Unknown},
		{"another kind", FieldAbout, "device/70b3", Unknown},
		{"another case", FieldAbout, "station/Bahnhof", Unknown},
		{"a path", FieldAbout, "station/../x", Unknown},
		{"a long id", FieldAbout, "station/" + strings.Repeat("a", 65), Unknown},
		{"no language", FieldLang, "", Unknown},
		{"a third language", FieldLang, "fr", Unknown},
		{"no text", FieldText, "", Missing},
		{"white space", FieldText, " \r\n\t \u00a0", Missing},
		{"four characters", FieldText, "Nein", Short},
		{"five characters", FieldText, "Öööö!", ""},
		{"five with white space around", FieldText, "  gut  ", Short},
		{"4000 characters", FieldText, strings.Repeat("ß", 4000), ""},
		{"4001 characters", FieldText, strings.Repeat("ß", 4001), Long},
		{"Latin-1", FieldText, "Z\xe4hler steht", Encoding},
		{"two lines and a tab", FieldText, "erste\r\nzweite\tZeile", ""},
		{"NUL", FieldText, "a\x00bcdef", Control},
		{"escape", FieldText, "a\x1b[31mbcdef", Control},
		{"C1", FieldText, "a\u009bbcdef", Control},
		{"line separator", FieldText, "a\u2028bcdef", Control},
		{"turned around", FieldText, "a\u202ebcdef", Control},
		{"isolated", FieldText, "a\u2067bcdef", Control},
		{"family", FieldText, "Danke \U0001f468\u200d\U0001f469\u200d\U0001f467", ""},
		{"three links", FieldText, "https://a.example, http://www.b.example und www.c.example", ""},
		{"four links", FieldText, "https://a.example,https://b.example,https://c.example,HTTPS://d.example", Links},
		{"four of other kinds", FieldText, "ftp://a.example www.b.example WWW.c.example [url=x-y://d]", Links},
		{"no links", FieldText, "Awww. wwww. 3:// 1://2", ""},
		{"contact", FieldContact, " erika@müller.example ", ""},
		{"no contact", FieldContact, "  ", ""},
		{"a telephone", FieldContact, "05251 88-0", Address},
		{"a name beside", FieldContact, "Erika <erika@example.org>", Address},
		{"two", FieldContact, "a@example.org,b@example.org", Address},
		{"no domain", FieldContact, "erika@", Address},
		{"a host alone", FieldContact, "erika@rathaus", Address},
		{"a dot at the end", FieldContact, "erika@rathaus.", Address},
		{"another header", FieldContact, "a@example.org\nBcc: b@example.org", Address},
		{"turned around", FieldContact, "a\u202eb@example.org", Address},
		{"Latin-1", FieldContact, "m\xfcller@example.org", Encoding},
		{"long", FieldContact, strings.Repeat("a", 250) + "@example.org", Long},
	} {
		t.Run(c.field+"/"+c.name, func(t *testing.T) {
			e, errs := Validate(fields(c.field, c.value))
			want := Errors{c.field: c.want}
			if c.want == "" {
				want = nil
			}
			if diff := cmp.Diff(want, errs); diff != "" {
				t.Error(diff)
			}
			if (e == Entry{}) != (c.want != "") {
				t.Errorf("entry %+v", e)
			}
		})
	}
}

func TestValidateSaysAllAtOnceAndTidies(t *testing.T) {
	_, errs := Validate(url.Values{FieldContact: {"x"}})
	want := Errors{FieldAbout: Unknown, FieldLang: Unknown, FieldText: Missing, FieldContact: Address}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
	e, errs := Validate(fields(FieldText, "\r\n a\r\nb\rc\td \n", FieldContact, " erika@example.org\n"))
	wanted := Entry{About: About{KindStation, "paderborn-verkehr-003"}, Lang: "de", Text: "a\nb\nc d", Contact: "erika@example.org"}
	if diff := cmp.Diff(wanted, e); diff != "" || errs != nil {
		t.Error(errs, diff)
	}
}

func TestParseCode(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"7K3M9QX2TV", "7K3M9QX2TV"},
		{"7k3m9-qx2tv", "7K3M9QX2TV"},
		{" 7K3 M9Q X2TV ", "7K3M9QX2TV"},
		{"olio000000", "0110000000"},
		{"7K3M9QX2T", ""},
		{"7K3M9QX2TVV", ""},
		{"7K3M9QX2TU", ""}, // there is no U
		{"7K3M9QX2T%", ""},
		{"", ""},
		{"7K3M9QX2TV" + strings.Repeat("-", 31), ""},
	} {
		got, err := ParseCode(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		code := newCode()
		if parsed, err := ParseCode(code); err != nil || parsed != code || seen[code] {
			t.Fatalf("code %q is %q (%v), or came twice", code, parsed, err)
		}
		seen[code] = true
	}
}

// What Validate takes keeps all promises of an entry, is as it will be, and is
// taken by the store.
func FuzzValidate(f *testing.F) {
	for _, v := range []url.Values{
		fields(), fields(FieldAbout, "portal", FieldLang, "en", FieldContact, "erika@example.org"), {},
		fields(FieldText, "\xff\xfe\r\n\x00"), fields(FieldText, strings.Repeat("https://a.example ", 5)),
		fields(FieldText, "\r\r\n\t\u2028\u202e"), fields(FieldContact, `"a b"@[127.0.0.1]`), fields(FieldContact, "=?utf-8?q?a?= <a@b.c>"),
	} {
		f.Add(v.Get(FieldAbout), v.Get(FieldLang), v.Get(FieldText), v.Get(FieldContact))
	}
	f.Fuzz(func(t *testing.T, about, lang, text, contact string) {
		e, errs := Validate(url.Values{FieldAbout: {about}, FieldLang: {lang}, FieldText: {text}, FieldContact: {contact}})
		if errs != nil {
			if len(errs) == 0 || e != (Entry{}) {
				t.Fatalf("%v with %+v", errs, e)
			}
			return
		}
		if n := utf8.RuneCountInString(e.Text); n < MinText || n > MaxText || !utf8.ValidString(e.Text) || strings.ContainsFunc(e.Text, unprintable) {
			t.Fatalf("text %q", e.Text)
		}
		if len(e.Contact) > MaxContact || strings.ContainsAny(e.Contact, "\r\n<>") || e.Contact != "" && strings.Count(e.Contact, "@") == 0 {
			t.Fatalf("contact %q", e.Contact)
		}
		if e.About.String() != about || e.Lang != lang {
			t.Fatalf("%+v of %q, %q", e, about, lang)
		}
		again, errs := Validate(url.Values{FieldAbout: {e.About.String()}, FieldLang: {e.Lang}, FieldText: {e.Text}, FieldContact: {e.Contact}})
		if errs != nil || again != e {
			t.Fatalf("%+v becomes %+v (%v)", e, again, errs)
		}
		e.Time = hour
		if err := e.check(); err != nil {
			t.Fatal(err)
		}
	})
}
