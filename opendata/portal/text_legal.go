package portal

type legalTexts struct {
	Description, Imprint, Privacy, Accessibility, Publisher, Contact                                   string
	ImprintDefault, PrivacyDefault, PrivacyTiles, PrivacyFeedback, PrivacyRights, AccessibilityDefault string
}

var germanLegal = legalTexts{
	Description: "%s: %s", Imprint: "Impressum", Privacy: "Datenschutz", Accessibility: "Barrierefreiheit", Publisher: "Herausgeber", Contact: "Kontakt",
	ImprintDefault: "Für die Inhalte dieser Seiten antwortet der genannte Herausgeber. Er ist über den angegebenen Kontakt zu erreichen.",
	PrivacyDefault: `## Ohne Cookies, ohne Zählung

Diese Seiten kommen ohne Anmeldung aus. Sie setzen keine Cookies, speichern nichts in Ihrem Browser außer dem üblichen Zwischenspeicher und zählen ihre Besucherinnen und Besucher nicht.

## Ihre IP-Adresse

Ihre IP-Adresse braucht das Programm, um Ihnen zu antworten und um zu verhindern, dass einzelne Absender es überlasten. Dafür hält es sie kurz im Arbeitsspeicher; es schreibt sie in kein Protokoll und gibt sie nicht weiter. Steht ein weiterer Webserver davor, kann dieser eigene Protokolle führen; darüber gibt der Herausgeber Auskunft.

## Die Messwerte

Die gezeigten Messwerte stammen von Geräten an Straßen, im Stromnetz und in der Umwelt. Sie werden über Zeitfenster zusammengefasst. Verbräuche von Haushalten erscheinen nur als Summe von Gruppen und nie so, dass sich auf einen einzelnen Haushalt schließen lässt.`,
	PrivacyTiles:    "## Der Hintergrund der Karte\n\nDen Hintergrund der Karte lädt Ihr Browser von %s, wenn JavaScript eingeschaltet ist. Der Betreiber dieses Dienstes erfährt dabei Ihre IP-Adresse und den gezeigten Ausschnitt. Ohne JavaScript wird nichts von anderen Servern geladen; alle Stationen stehen dann in der Liste.",
	PrivacyFeedback: "## Rückmeldungen\n\nWenn Sie uns über das Formular schreiben, speichern wir Ihren Text, Ihre E-Mail-Adresse, falls Sie eine angeben, worum es geht, die Sprache der Seite und die Stunde. Ihre IP-Adresse ist nicht dabei; um Missbrauch zu begrenzen, zählt das Programm Absender eine Stunde lang im Arbeitsspeicher unter einer Prüfsumme, aus der sich die Adresse nicht zurückrechnen lässt. Veröffentlicht wird Ihr Text nur, wenn wir ihn beantworten, und nie mit Ihrer E-Mail-Adresse.",
	PrivacyRights:   "## Ihre Rechte\n\nFragen zum Datenschutz und zu Ihren Rechten, etwa auf Auskunft oder Löschung, beantwortet der Herausgeber.",
	AccessibilityDefault: `## Was gilt

Diese Seiten sollen alle nutzen können. Maßstab sind die Web Content Accessibility Guidelines (WCAG) 2.1, Stufe AA, und damit die BITV 2.0.

## Was geht

Alle Inhalte lassen sich ohne JavaScript lesen und mit der Tastatur erreichen. Farben stehen nie allein: Form, Buchstabe oder Wort sagen dasselbe. Die Seiten folgen dem hellen oder dunklen Farbschema Ihres Geräts und lassen sich auf 200 % vergrößern. Hinter jedem Diagramm steht eine Tabelle mit denselben Werten.

## Was nicht ganz geht

Die Karte zeigt Orte als Bild und ist mit Tastatur und Vorlesesoftware nur eingeschränkt bedienbar. Dieselben Stationen stehen in der Liste, die sich filtern und durchsuchen lässt.

## Wenn Sie auf ein Hindernis stoßen

Der Herausgeber hat für diese Seiten noch keine eigene Erklärung mit Prüfergebnis und Schlichtungsstelle hinterlegt. Bitte schreiben Sie ihm, was Sie stört.`,
}

var englishLegal = legalTexts{
	Description: "%s: %s", Imprint: "Imprint", Privacy: "Privacy", Accessibility: "Accessibility", Publisher: "Publisher", Contact: "Contact",
	ImprintDefault: "The publisher named here answers for the content of these pages, and can be reached at the contact given.",
	PrivacyDefault: `## No cookies, no counting

These pages need no login. They set no cookies, keep nothing in your browser but its usual cache, and do not count their visitors.

## Your IP address

The program needs your IP address to answer you and to keep single senders from overloading it. For this it holds the address in memory for a short time; it writes it into no log and passes it on to nobody. If there is another web server before it, that may keep logs of its own; the publisher tells you about them.

## The measurements

The measurements shown come from devices at roads, in the power grid and in the environment. They are summed up over time windows. Consumption of households appears only as the sum of groups, and never so that it tells of a single household.`,
	PrivacyTiles:    "## The background of the map\n\nYour browser loads the background of the map from %s, if JavaScript is on. The operator of that service then learns your IP address and the part of the map you see. Without JavaScript nothing is loaded from other servers; all stations are in the list.",
	PrivacyFeedback: "## Feedback\n\nIf you write to us with the form, we store your text, your e-mail address if you give one, what it is about, the language of the page and the hour. Your IP address is not among it; to limit abuse, the program counts senders for an hour in memory under a checksum from which the address cannot be recovered. Your text is published only if we answer it, and never with your e-mail address.",
	PrivacyRights:   "## Your rights\n\nThe publisher answers questions on privacy and on your rights, such as access or erasure.",
	AccessibilityDefault: `## What applies

Everybody should be able to use these pages. The measure is the Web Content Accessibility Guidelines (WCAG) 2.1, level AA, and with them the German BITV 2.0.

## What works

All content can be read without JavaScript and reached with the keyboard. Colours never stand alone: a shape, a letter or a word says the same. The pages follow the light or dark colour scheme of your device and can be enlarged to 200 %. Behind each chart there is a table with the same values.

## What does not quite work

The map shows places as a picture and is of limited use with keyboard and screen reader. The same stations are in the list, which can be filtered and searched.

## If you meet an obstacle

The publisher has not yet provided a statement of their own with test results and an arbitration body. Please write to them about what bothers you.`,
}
