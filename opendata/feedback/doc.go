// Package feedback takes what the public has to say about a dataset, a station
// or the portal, keeps it for the operator in one SQLite file, and gives his
// answers back: to whoever has the reference code, and of what he publishes, to
// all.
//
// It knows entries, their life, and what is refused before there is one. It
// leaves pages and their words to the portal, which gets codes (Code, Reason),
// and clients and trusted proxies to whoever tells it whose a request is.
//
// # Security
//
// Strangers write here, so:
//
//   - Nothing of theirs is shown unread. Published has only what was answered
//     and marked public, which a CHECK in the file itself holds; the contact is
//     never among it, nor the code. Texts are plain text: a page must escape
//     them and make no links of them.
//   - Nobody is tracked. Neither the file nor the log has an address, a user
//     agent or a cookie; times are cut to the hour, and rows are in the order
//     of their random codes, so that none tells when within it. Addresses are
//     counted in memory as HMAC with a key that is drawn anew each hour. A proxy
//     in front may still write /feedback/{code} and an address into its own log:
//     that is its operator's to switch off.
//   - A form cannot be posted blindly or again: its token is an HMAC over the
//     page, the time and a nonce, with a key of this process, good once from 3 s
//     to 24 h after it was given. Used ones are remembered for that long; the
//     limit of entries per hour bounds how many. A field that people do not see
//     must stay empty. Against who writes a program for this very form, the
//     limits help: per client and for all together per hour, 16 KiB of body,
//     three links, and 10,000 entries that nobody has read. With many addresses
//     one can use up what all may write in an hour; rather that than a flood.
//   - A request from another site's page does no more than one from anywhere: no
//     login or cookie is behind it, and the other site cannot read a token here.
//   - The code is the only key to an answer: 50 random bits, and a client that
//     guesses wrong 30 times in an hour is heard no more within it.
//   - What is dropped is overwritten in the file. Backups are the operator's.
package feedback
