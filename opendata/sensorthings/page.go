package sensorthings

import (
	"strconv"
	"strings"
)

// nextLink is where the next page is: the same address and options, with $top
// and $skip that clients read out of it (Masterportal by a regular expression),
// and for Observations where this page has ended, which is what counts there.
func nextLink(address string, o *options, top, skip int, after string) string {
	var b strings.Builder
	b.WriteString(address + "?$top=" + strconv.Itoa(top) + "&$skip=" + strconv.Itoa(skip))
	for _, one := range o.written() {
		b.WriteString("&" + one[0] + "=" + escape(one[1]))
	}
	if after != "" {
		b.WriteString("&$skiptoken=" + after)
	}
	return b.String()
}

// written returns the options but those of paging, as they can be read again.
func (o *options) written() (out [][2]string) {
	if o.count {
		out = append(out, [2]string{"$count", "true"})
	}
	for _, one := range [][2]string{{"$filter", o.filterText}, {"$orderby", o.orderText}, {"$select", o.selectText}, {"$expand", writeExpands(o.expands)}, {"$resultFormat", o.format}} {
		if one[1] != "" {
			out = append(out, one)
		}
	}
	return out
}

func writeExpands(all []*expand) string {
	var parts []string
	for _, e := range all {
		var inner []string
		if e.options.top >= 0 {
			inner = append(inner, "$top="+strconv.Itoa(e.options.top))
		}
		if e.options.skip > 0 {
			inner = append(inner, "$skip="+strconv.Itoa(e.options.skip))
		}
		for _, one := range e.options.written() {
			inner = append(inner, one[0]+"="+one[1])
		}
		part := e.relation.name
		if len(inner) > 0 {
			part += "(" + strings.Join(inner, ";") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~$(),;:/=*'@"

// escape writes a value for a query string and leaves legible what may be.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(plain, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			b.Write([]byte{'%', "0123456789ABCDEF"[s[i]>>4], "0123456789ABCDEF"[s[i]&15]})
		}
	}
	return b.String()
}
