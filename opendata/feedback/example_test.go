package feedback_test

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modellregion/opendata/feedback"
)

// page stands for the pages of a portal.
var page = template.Must(template.New("").Parse(`<form method="post" action="/feedback" enctype="multipart/form-data">
<input type="hidden" name="about" value="{{.About}}"><input type="hidden" name="lang" value="{{.Lang}}"><input type="hidden" name="token" value="{{.Token}}">
<label>Bitte leer lassen <input name="website" autocomplete="off" tabindex="-1"></label>
<label>Ihre Rückmeldung <textarea name="text" maxlength="4000" aria-invalid="{{with .Errors.text}}true{{else}}false{{end}}">{{.Text}}</textarea></label>
<label>Mailadresse, wenn Sie mögen <input type="email" name="contact" value="{{.Contact}}"></label>
</form>`))

// A portal shows the form, takes it, and shows what belongs to a code.
func ExampleDesk() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := feedback.Open(context.Background(), filepath.Join(dir, "feedback.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	desk, err := feedback.NewDesk(feedback.Config{
		Store:  store,
		Client: func(r *http.Request) string { return r.RemoteAddr }, // of a platform: guard.Guard.Client
		Known:  func(a feedback.About) bool { return a.Kind == feedback.KindPortal || a.ID == "verkehr" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /feedback", func(w http.ResponseWriter, r *http.Request) {
		about, err := feedback.ParseAbout(r.URL.Query().Get("about"))
		if err != nil {
			about = feedback.About{Kind: feedback.KindPortal}
		}
		form, err := desk.Blank(w, about, "de")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_ = page.Execute(w, form)
	})
	mux.HandleFunc("POST /feedback", func(w http.ResponseWriter, r *http.Request) {
		code, refused := desk.Receive(w, r)
		if refused != nil {
			w.WriteHeader(refused.Status)
			fmt.Fprintln(w, refused.Reason) // a text for it, and the form again if it has a token
			_ = page.Execute(w, refused.Form)
			return
		}
		http.Redirect(w, r, "/feedback/"+code, http.StatusSeeOther)
	})

	shown := httptest.NewRecorder()
	mux.ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/feedback?about=dataset/verkehr", nil))
	_, rest, _ := strings.Cut(shown.Body.String(), `name="token" value="`)
	token, _, _ := strings.Cut(rest, `"`)

	// A program sends it at once, as no person can.
	sent := url.Values{"about": {"dataset/verkehr"}, "lang": {"de"}, "text": {"Günstige Kredite!"}, "token": {token}}
	post := httptest.NewRequest(http.MethodPost, "/feedback", strings.NewReader(sent.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, post)
	reason, _, _ := strings.Cut(answer.Body.String(), "\n")
	fmt.Println(answer.Code, reason, desk.Stats().Accepted)
	// Output: 422 early 0
}
