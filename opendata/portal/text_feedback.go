package portal

import (
	"fmt"

	"modellregion/opendata/feedback"
)

type feedbackTexts struct {
	Title, TitleOf, Description, Lead, About, Site                           string
	Text, TextHint, Contact, ContactHint, Trap, Send, Stored, More, Optional string
	Wrong, Again, New                                                        string
	OnStation, OnDataset, OnSite, Report                                     string
	Heading, Said, Answer, AnswerOn                                          string
	Lookup, LookupHint, Code, Show, CodeWrong                                string
	Yours, Thanks, KeepCode, NoEntry, State, IsPublic                        string

	StateNew, StateNewMore, StateRead, StateReadMore, StateAnswered, StateAnsweredMore, StateHidden, StateHiddenMore string

	Field  fieldTexts
	Reason reasonTexts
}

// fieldTexts say what is wrong with a field.
type fieldTexts struct {
	Missing, Short, Long, LongContact, Encoding, Control, Links, Address, Unknown string
}

// reasonTexts say why a form was not taken.
type reasonTexts struct {
	Size, Malformed, Trap, About, Token, Early, Expired, Used, Invalid, Client, Total, Full, Failed, Guess string
}

var germanFeedback = feedbackTexts{
	Title: "Rückmeldung", TitleOf: "Rückmeldung: %s", Description: "Rückmeldung an die Betreiber von %s: Fehler, Fragen und Vorschläge zu Daten und Stationen, ohne Anmeldung.",
	Lead:  "Stimmt ein Wert nicht, fehlt Ihnen etwas oder haben Sie eine Frage? Schreiben Sie uns, ganz ohne Anmeldung.",
	About: "Es geht um", Site: "diese Internetseiten",
	Text: "Ihre Rückmeldung", TextHint: "%d bis %s Zeichen, höchstens %d Links. Bitte nennen Sie keine anderen Personen mit Namen.",
	Contact: "Ihre E-Mail-Adresse", ContactHint: "Nur für Nachfragen. Sie wird nie veröffentlicht. Die Antwort lesen Sie auch ohne Adresse, mit einem Code, den Sie nach dem Absenden bekommen.",
	Optional: "freiwillig", Trap: "Dieses Feld bitte leer lassen", Send: "Absenden",
	Stored: "Gespeichert werden Ihr Text, Ihre E-Mail-Adresse, falls Sie eine angeben, worum es geht, die Sprache der Seite und die Stunde; keine IP-Adresse und keine Cookies.",
	More:   "Mehr zum Datenschutz",
	Wrong:  "Nicht gesendet", Again: "Bitte prüfen Sie:", New: "Zum Formular",
	OnStation: "Rückmeldung zu dieser Station", OnDataset: "Rückmeldung zu diesem Datensatz", OnSite: "Rückmeldung zu diesen Seiten", Report: "Barriere melden",
	Heading: "Beantwortete Rückmeldungen", Said: "Rückmeldung vom %s", Answer: "Antwort", AnswerOn: "Antwort vom %s",
	Lookup: "Haben Sie schon einen Code?", LookupHint: "Damit lesen Sie, was aus Ihrer Rückmeldung geworden ist.", Code: "Code", Show: "Anzeigen",
	CodeWrong: "Zu diesem Code gibt es nichts. Ein Code hat zehn Zeichen, zum Beispiel 7K3M9QX2TV.",
	Yours:     "Ihre Rückmeldung", Thanks: "Danke! Ihre Rückmeldung ist angekommen.",
	KeepCode: "Bitte notieren Sie den Code oder speichern Sie die Adresse dieser Seite: Nur damit lesen Sie hier später die Antwort. Wer den Code hat, liest mit.",
	NoEntry:  "Dazu gibt es keine Rückmeldung. Vielleicht ist der Code vertippt, oder sie wurde gelöscht.",
	State:    "Stand", IsPublic: "Text und Antwort sind veröffentlicht, ohne Code und E-Mail-Adresse.",
	StateNew: "angekommen", StateNewMore: "Noch hat sie niemand gelesen. Schauen Sie in den nächsten Tagen wieder vorbei.",
	StateRead: "gelesen", StateReadMore: "Wir haben sie gelesen und noch nicht beantwortet.",
	StateAnswered: "beantwortet", StateAnsweredMore: "Die Antwort steht unten.",
	StateHidden: "abgelegt", StateHiddenMore: "Wir haben sie gelesen und beiseitegelegt.",
	Field: fieldTexts{
		Missing: "Bitte schreiben Sie etwas.", Short: "Der Text ist zu kurz. Bitte schreiben Sie mindestens %d Zeichen.",
		Long: "Der Text ist zu lang. Bitte kürzen Sie ihn auf %s Zeichen.", LongContact: "Die Adresse ist zu lang.",
		Encoding: "Der Text enthält Zeichen, die nicht lesbar sind.", Control: "Der Text enthält unsichtbare Steuerzeichen. Bitte tippen Sie die Stelle neu, statt sie einzufügen.",
		Links: "Der Text enthält zu viele Links. Erlaubt sind höchstens %d.", Address: "Das ist keine E-Mail-Adresse wie name@example.org.",
		Unknown: "Diese Angabe gibt es nicht. Bitte laden Sie die Seite neu.",
	},
	Reason: reasonTexts{
		Size:      "Die Rückmeldung ist zu groß. Bitte fassen Sie sich kürzer.",
		Malformed: "Das Formular ist unvollständig angekommen. Bitte öffnen Sie es noch einmal.",
		Trap:      "Ein Feld, das leer bleiben soll, war ausgefüllt. Bitte senden Sie noch einmal und lassen Sie es leer.",
		About:     "Die Station oder den Datensatz, um den es geht, gibt es hier nicht mehr.",
		Token:     "Das Formular gilt nicht mehr, weil die Plattform inzwischen neu gestartet ist. Ihr Text ist noch da: Bitte senden Sie ihn noch einmal.",
		Early:     "Das ging so schnell, dass wir es für ein Programm halten. Bitte senden Sie noch einmal.",
		Expired:   "Das Formular war länger als einen Tag offen. Ihr Text ist noch da: Bitte senden Sie ihn noch einmal.",
		Used:      "Dieses Formular wurde schon mit einem anderen Text gesendet. Wenn Sie auch diesen senden möchten, tun Sie es bitte noch einmal.",
		Invalid:   "Ein paar Angaben passen noch nicht. Es wurde nichts gespeichert.",
		Client:    "Von Ihrem Anschluss kamen in der letzten Stunde schon mehrere Rückmeldungen. Bitte senden Sie diese später.",
		Total:     "Gerade kommen sehr viele Rückmeldungen. Bitte senden Sie Ihre später; der Text bleibt stehen, solange diese Seite offen ist.",
		Full:      "Es warten so viele ungelesene Rückmeldungen, dass wir im Moment keine weiteren annehmen. Bitte nutzen Sie den Kontakt unten auf der Seite.",
		Failed:    "Die Rückmeldung ließ sich nicht speichern. Der Fehler liegt bei uns. Bitte senden Sie in einer Minute noch einmal.",
		Guess:     "Es wurden zu viele falsche Codes eingegeben. Bitte versuchen Sie es in einer Stunde wieder.",
	},
}

var englishFeedback = feedbackTexts{
	Title: "Feedback", TitleOf: "Feedback: %s", Description: "Feedback to the operators of %s: errors, questions and ideas about data and stations, without an account.",
	Lead:  "Is a value wrong, is something missing, or do you have a question? Write to us, no account needed.",
	About: "It is about", Site: "this website",
	Text: "Your feedback", TextHint: "%d to %s characters, at most %d links. Please do not name other people.",
	Contact: "Your e-mail address", ContactHint: "For questions only. It is never published. You can read the answer without an address, with a code that you are given after sending.",
	Optional: "optional", Trap: "Please leave this field empty", Send: "Send",
	Stored: "What is stored: your text, your e-mail address if you give one, what it is about, the language of the page and the hour; no IP address and no cookies.",
	More:   "More on privacy",
	Wrong:  "Not sent", Again: "Please check:", New: "To the form",
	OnStation: "Feedback on this station", OnDataset: "Feedback on this dataset", OnSite: "Feedback on this website", Report: "Report a barrier",
	Heading: "Answered feedback", Said: "Feedback of %s", Answer: "Answer", AnswerOn: "Answer of %s",
	Lookup: "Do you have a code already?", LookupHint: "With it you can read what has become of your feedback.", Code: "Code", Show: "Show",
	CodeWrong: "There is nothing with this code. A code has ten characters, like 7K3M9QX2TV.",
	Yours:     "Your feedback", Thanks: "Thank you! Your feedback has arrived.",
	KeepCode: "Please note the code or save the address of this page: only with it can you read the answer here later. Whoever has the code can read it, too.",
	NoEntry:  "There is no such feedback. Perhaps the code has a typing error, or it was deleted.",
	State:    "Status", IsPublic: "Text and answer are published, without the code and the e-mail address.",
	StateNew: "received", StateNewMore: "Nobody has read it yet. Come back in the next few days.",
	StateRead: "read", StateReadMore: "We have read it and not answered yet.",
	StateAnswered: "answered", StateAnsweredMore: "The answer is below.",
	StateHidden: "filed", StateHiddenMore: "We have read it and put it aside.",
	Field: fieldTexts{
		Missing: "Please write something.", Short: "The text is too short. Please write at least %d characters.",
		Long: "The text is too long. Please shorten it to %s characters.", LongContact: "The address is too long.",
		Encoding: "The text has characters that cannot be read.", Control: "The text has invisible control characters. Please type that part instead of pasting it.",
		Links: "The text has too many links. At most %d are allowed.", Address: "This is no e-mail address like name@example.org.",
		Unknown: "There is no such choice. Please reload the page.",
	},
	Reason: reasonTexts{
		Size:      "The feedback is too large. Please be briefer.",
		Malformed: "The form has arrived incomplete. Please open it again.",
		Trap:      "A field that should stay empty was filled in. Please leave it empty and send again.",
		About:     "The station or dataset that this is about is no longer here.",
		Token:     "The form is no longer valid, since the platform has been restarted. Your text is still there: please send it again.",
		Early:     "That was so fast that we take it for a program. Please send it again.",
		Expired:   "The form was open for more than a day. Your text is still there: please send it again.",
		Used:      "This form was sent already, with another text. If you want to send this one as well, please send it again.",
		Invalid:   "Some entries are not right yet. Nothing was stored.",
		Client:    "Several entries have come from your connection within the last hour. Please send this one later.",
		Total:     "A lot of feedback is coming in just now. Please send yours later; the text stays while this page is open.",
		Full:      "So much feedback waits to be read that we cannot take more at the moment. Please use the contact at the end of the page.",
		Failed:    "The feedback could not be stored. The fault is ours. Please send it again in a minute.",
		Guess:     "Too many wrong codes were entered. Please try again in an hour.",
	},
}

// refusal says why a form was not taken.
func (t *texts) refusal(why feedback.Reason) string {
	r := &t.Feedback.Reason
	text := map[feedback.Reason]string{
		feedback.Size: r.Size, feedback.Malformed: r.Malformed, feedback.Trap: r.Trap, feedback.NoSuch: r.About, feedback.Token: r.Token, feedback.Early: r.Early,
		feedback.Expired: r.Expired, feedback.Used: r.Used, feedback.Invalid: r.Invalid, feedback.Client: r.Client, feedback.Total: r.Total, feedback.Full: r.Full,
		feedback.Failed: r.Failed, feedback.Guess: r.Guess,
	}[why]
	if text == "" { // one that is new
		return r.Failed
	}
	return text
}

func (t *texts) fieldName(field string) string {
	return map[string]string{feedback.FieldText: t.Feedback.Text, feedback.FieldContact: t.Feedback.Contact, feedback.FieldLang: t.Feedback.Title}[field]
}

// fieldProblem says what is wrong with a field.
func (t *texts) fieldProblem(field string, code feedback.Code) string {
	f := &t.Feedback.Field
	switch code {
	case feedback.Missing:
		return f.Missing
	case feedback.Short:
		return fmt.Sprintf(f.Short, feedback.MinText)
	case feedback.Long:
		if field == feedback.FieldContact {
			return f.LongContact
		}
		return fmt.Sprintf(f.Long, number(feedback.MaxText, 0, t.Lang))
	case feedback.Encoding:
		return f.Encoding
	case feedback.Control:
		return f.Control
	case feedback.Links:
		return fmt.Sprintf(f.Links, feedback.MaxLinks)
	case feedback.Address:
		return f.Address
	}
	return f.Unknown
}

// feedbackState names how far an entry is, for who wrote it.
func (t *texts) feedbackState(s feedback.State) (name, more string) {
	f := &t.Feedback
	switch s {
	case feedback.StateNew:
		return f.StateNew, f.StateNewMore
	case feedback.StateRead:
		return f.StateRead, f.StateReadMore
	case feedback.StateAnswered:
		return f.StateAnswered, f.StateAnsweredMore
	}
	return f.StateHidden, f.StateHiddenMore
}

// textHint says what the text may be.
func (t *texts) textHint() string {
	return fmt.Sprintf(t.Feedback.TextHint, feedback.MinText, number(feedback.MaxText, 0, t.Lang), feedback.MaxLinks)
}
