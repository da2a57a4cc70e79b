package portal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"modellregion/opendata/feedback"
)

// Feedback takes what readers say and gives back what was answered, as
// feedback.Desk and feedback.Store do together. The first three set headers that
// keep what is personal out of caches and search engines.
type Feedback interface {
	Blank(w http.ResponseWriter, about feedback.About, lang string) (feedback.Form, error)
	Receive(w http.ResponseWriter, r *http.Request) (code string, refused *feedback.Refusal)
	Read(w http.ResponseWriter, r *http.Request, code string) (feedback.Entry, error)
	Published(ctx context.Context, about feedback.About) ([]feedback.Entry, error)
}

// formView is the page with the form, or, without one, says why there is none.
type formView struct {
	Title   string
	About   link // without a URL: the site itself
	Form    *feedback.Form
	MaxText int
	Hint    string // what the text may be
	Problem problemView
	Lookup  lookupView
	Part    *feedbackPart // what others have asked; nil without a form
}

// problemView is why something was not taken, and which fields have to be mended.
type problemView struct {
	Text   string
	Fields []fieldProblem
}

// Of returns what is wrong with a field, empty where nothing is.
func (v problemView) Of(field string) string {
	for _, f := range v.Fields {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

type fieldProblem struct{ Field, Label, Text string }

// lookupView is the form that asks for a code.
type lookupView struct{ Typed, Problem string }

// entryView is the page of a code.
type entryView struct {
	Code, Problem    string // Problem: why there is nothing to show
	State, StateMore string
	Thanks           string // while nobody has read it
	About            link
	said
	Public bool
	Lookup lookupView
}

// said is what somebody wrote, and the answer. Both are text: lines, no links.
type said struct {
	Lang         string
	On           string // the day on which it was written
	Text, Answer string
	AnsweredOn   string
}

// feedbackPart is what a page has of the feedback about what it shows.
type feedbackPart struct {
	URL     string // of the form
	Label   string // of the link there; empty on the page of the form itself
	Entries []said // those that all may read, the latest answered first
}

// mountFeedback adds the pages, which only readers with the address of one see.
func (p *portal) mountFeedback(mux *http.ServeMux) {
	for _, t := range languages() {
		mux.HandleFunc("GET "+t.Prefix+feedbackPath, func(w http.ResponseWriter, r *http.Request) { p.feedbackForm(w, r, t) })
		mux.HandleFunc("POST "+t.Prefix+feedbackPath, func(w http.ResponseWriter, r *http.Request) { p.feedbackSend(w, r, t) })
		mux.HandleFunc("GET "+t.Prefix+feedbackPath+"/{code}", func(w http.ResponseWriter, r *http.Request) { p.feedbackEntry(w, r, t) })
	}
}

const feedbackPath = "/feedback"

// feedbackForm shows an empty form, or leads to the page of a code that was typed.
func (p *portal) feedbackForm(w http.ResponseWriter, r *http.Request, t *texts) {
	query := r.URL.Query()
	about := feedback.About{Kind: feedback.KindPortal}
	if text := query.Get("about"); text != "" {
		var err error
		if about, err = feedback.ParseAbout(text); err != nil {
			p.fail(w, t, http.StatusNotFound)
			return
		}
	}
	form, err := p.Feedback.Blank(w, about, t.Lang)
	if err != nil {
		p.fail(w, t, http.StatusNotFound)
		return
	}
	v := formView{Form: &form}
	if query.Has("code") {
		v.Lookup.Typed = query.Get("code")
		code, err := feedback.ParseCode(v.Lookup.Typed)
		if err == nil {
			http.Redirect(w, r, t.To(feedbackPath+"/"+code), http.StatusSeeOther)
			return
		}
		v.Lookup.Problem = t.Feedback.CodeWrong
	}
	p.showForm(w, r, t, http.StatusOK, v)
}

// feedbackSend takes a form, and shows it again with what is to be mended.
func (p *portal) feedbackSend(w http.ResponseWriter, r *http.Request, t *texts) {
	code, refused := p.Feedback.Receive(w, r)
	if refused == nil {
		http.Redirect(w, r, t.To(feedbackPath+"/"+code), http.StatusSeeOther)
		return
	}
	v := formView{Problem: problemView{Text: t.refusal(refused.Reason)}}
	if refused.Form.Token != "" {
		v.Form = &refused.Form
	}
	for _, field := range []string{feedback.FieldText, feedback.FieldContact, feedback.FieldLang} {
		if code := refused.Form.Errors[field]; code != "" {
			v.Problem.Fields = append(v.Problem.Fields, fieldProblem{field, t.fieldName(field), t.fieldProblem(field, code)})
		}
	}
	p.showForm(w, r, t, refused.Status, v)
}

func (p *portal) showForm(w http.ResponseWriter, r *http.Request, t *texts, status int, v formView) {
	v.Title, v.MaxText, v.Hint = t.Feedback.Title, feedback.MaxText, t.textHint()
	shown := page{
		Title: v.Title, Description: fmt.Sprintf(t.Feedback.Description, p.Region.Name.In(t.Lang)), NoIndex: true,
		Styles: []string{"feedback.css"}, Trail: []link{{Text: v.Title}},
	}
	if v.Form != nil {
		about := v.Form.About
		v.About = p.feedbackAbout(about, t)
		if v.About.URL != "" {
			shown.Query = "?about=" + about.String()
			shown.Title = fmt.Sprintf(t.Feedback.TitleOf, v.About.Text)
			shown.Trail = []link{v.About, {Text: v.Title}}
		}
		v.Part = p.feedbackOn(r.Context(), about, t)
		v.Part.Label = "" // the reader is there
	}
	if v.Problem.Text != "" || v.Lookup.Problem != "" {
		shown.Title = t.Feedback.Wrong + ": " + shown.Title
	}
	shown.View = v
	p.send(w, t, status, "feedback", p.frame(r, t, shown))
}

// feedbackEntry shows what belongs to a code: what was said, how far it is, and
// the answer.
func (p *portal) feedbackEntry(w http.ResponseWriter, r *http.Request, t *texts) {
	v := entryView{Lookup: lookupView{Typed: r.PathValue("code")}}
	status := http.StatusOK
	e, err := p.Feedback.Read(w, r, v.Lookup.Typed)
	switch {
	case err == nil:
		v.Code, v.About, v.Public, v.said = e.Code, p.feedbackAbout(e.About, t), e.Public, saidIn(e, t)
		v.State, v.StateMore = t.feedbackState(e.State)
		if e.State == feedback.StateNew {
			v.Thanks = t.Feedback.Thanks
		}
	case errors.Is(err, feedback.ErrUnknown):
		status, v.Problem, v.Lookup.Problem = http.StatusNotFound, t.Feedback.NoEntry, t.Feedback.CodeWrong
	case errors.Is(err, feedback.ErrGuesses):
		status, v.Problem = http.StatusTooManyRequests, t.refusal(feedback.Guess)
	default:
		if r.Context().Err() == nil {
			p.Log.Error("feedback cannot be read", "err", err)
		}
		p.fail(w, t, http.StatusServiceUnavailable)
		return
	}
	f := p.frame(r, t, page{
		Title: t.Feedback.Yours, NoIndex: true, Styles: []string{"feedback.css"},
		Trail: []link{{t.Feedback.Title, t.To(feedbackPath)}, {Text: t.Feedback.Yours}}, View: v,
	})
	f.Canonical, f.Alternates = "", nil              // nobody is told the code
	w.Header().Set("Referrer-Policy", "no-referrer") // no log of a proxy, either
	p.send(w, t, status, "answer", f)
}

// send answers with a page that is for this reader alone.
func (p *portal) send(w http.ResponseWriter, t *texts, status int, name string, f frame) {
	var out bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&out, layout, f); err != nil {
		p.Log.Error("page cannot be rendered", "page", name, "err", err)
		p.fail(w, t, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader may have left
}

// feedbackOn returns what the page of something has of the feedback about it, or
// nil where none is taken. That a store fails is no reason to withhold the page.
func (p *portal) feedbackOn(ctx context.Context, about feedback.About, t *texts) *feedbackPart {
	if p.Feedback == nil {
		return nil
	}
	part := &feedbackPart{URL: t.To(feedbackPath) + "?about=" + about.String()}
	switch about.Kind {
	case feedback.KindStation:
		part.Label = t.Feedback.OnStation
	case feedback.KindDataset:
		part.Label = t.Feedback.OnDataset
	default:
		part.URL, part.Label = t.To(feedbackPath), t.Feedback.OnSite
	}
	entries, err := p.Feedback.Published(ctx, about)
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("published feedback cannot be read", "about", about.String(), "err", err)
	}
	for _, e := range entries {
		part.Entries = append(part.Entries, saidIn(e, t))
	}
	return part
}

func saidIn(e feedback.Entry, t *texts) said {
	s := said{Lang: e.Lang, On: date(e.Time, t.Lang), Text: e.Text, Answer: e.Answer}
	if e.Answer != "" {
		s.AnsweredOn = date(e.Answered, t.Lang)
	}
	return s
}

// feedbackAbout names what feedback is about, with its page if it has one that is
// not gone.
func (p *portal) feedbackAbout(about feedback.About, t *texts) link {
	l := p.aboutLink(about.String(), t)
	l.Text = cmp.Or(l.Text, about.ID, t.Feedback.Site)
	return l
}
