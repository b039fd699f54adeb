# Die Texte der Konsole auf Deutsch.

app-name = Tenantry
skip-to-content = Zum Inhalt
sandbox-banner = Dies ist eine Testumgebung: Nichts hier ist echt, und ihre Uhr steht still.

nav-label = Hauptmenü
nav-home = Start
nav-customers = Kunden
nav-sessions = Sitzungen
nav-sign-out = Abmelden
crumbs-label = Sie sind hier

role-admin = Administrator
role-operator = Betreuung
role-billing = Abrechnung
role-viewer = Lesen
role-auditor = Prüfung
role-owner = Inhaber
role-customer = Mitglied

sign-in-title = Anmelden
sign-in-key = API-Schlüssel
sign-in-key-hint = Der Schlüssel, den Sie mit Ihrem Benutzer erhalten haben. Er beginnt mit „tnt_“, wenn Ihr Administrator keinen anderen gewählt hat. Er wird einmal zum Anmelden verwendet und nicht in diesem Browser gespeichert.
sign-in-submit = Anmelden
sign-in-key-missing = Geben Sie Ihren API-Schlüssel ein
sign-in-key-expired = Dieser Schlüssel ist abgelaufen. Bitten Sie Ihren Administrator um einen neuen.
sign-in-key-wrong = Diesen Schlüssel gibt es nicht oder nicht mehr. Kopieren Sie ihn noch einmal, oder bitten Sie Ihren Administrator um einen neuen.
sign-in-insecure = Zum Anmelden ist eine verschlüsselte Verbindung nötig. Öffnen Sie diese Seite mit https://. Ist sie es schon, muss der Server es wissen: siehe --public-url und --trusted-proxies.

ended-idle = Sie wurden abgemeldet, weil diese Sitzung 12 Stunden lang nicht benutzt wurde. Melden Sie sich wieder an, um dort weiterzumachen.
ended-age = Sie wurden abgemeldet, weil Ihre Anmeldung 7 Tage zurückliegt. Melden Sie sich wieder an, um dort weiterzumachen.
ended-key = Sie wurden abgemeldet, weil der Schlüssel, mit dem Sie angemeldet waren, ersetzt oder gesperrt wurde oder abgelaufen ist. Melden Sie sich mit Ihrem neuen Schlüssel an.
ended-user = Sie wurden abgemeldet, weil Ihr Benutzer gelöscht wurde. Fragen Sie Ihren Administrator.
ended-roles = Sie wurden abgemeldet, weil sich Ihre Rollen geändert haben. Melden Sie sich wieder an.
ended-elsewhere = Sie wurden abgemeldet: Diese Sitzung wurde hier oder in einem anderen Browser beendet. Melden Sie sich wieder an.
ended-unsent = Was Sie abgeschickt haben, wurde nicht übernommen: Tun Sie es auf der Seite, die dann kommt, noch einmal.
ended-signed-out = Sie sind abgemeldet.
ended-everywhere = Sie sind überall abgemeldet.

dialog-cancel = Abbrechen
form-problem = Da stimmt etwas nicht

error-request-id = Anfrage { $id }
error-to-home = Zur Startseite
error-to-sign-in = Zur Anmeldung
error-form-title = Dieses Formular wurde nicht gesendet
error-form-advice = Die Seite, von der Sie es gesendet haben, ist veraltet: Sie haben sich inzwischen neu angemeldet, oder sie war unter einer anderen Adresse geöffnet. Gehen Sie zurück, laden Sie die Seite neu, und wiederholen Sie Ihre Eingabe. Es wurde nichts geändert.
error-unreadable-title = Dieses Formular ist nicht lesbar
error-unreadable-advice = Es kam nicht vollständig an oder ist zu groß. Gehen Sie zurück und senden Sie es noch einmal. Es wurde nichts geändert.
error-key-title = Sie sind nicht angemeldet
error-key-advice = Melden Sie sich mit Ihrem API-Schlüssel an.
error-forbidden-title = Sie haben keinen Zugang
error-forbidden-advice = Fragen Sie Ihren Administrator, wenn Sie ihn brauchen.
error-missing-title = Diese Seite gibt es nicht
error-missing-advice = Prüfen Sie die Adresse. Vielleicht wurde gelöscht, was Sie suchen.
error-invalid-title = Das geht so nicht
error-invalid-advice = Gehen Sie zurück, ändern Sie, was nicht stimmt, und versuchen Sie es noch einmal. Es wurde nichts geändert.
error-changed-title = Jemand anders hat dies geändert
error-changed-advice = Es hat sich geändert, seit Sie die Seite geöffnet haben. Gehen Sie zurück, laden Sie die Seite neu, und wiederholen Sie Ihre Änderung.
error-conflict-title = Jetzt nicht
error-conflict-advice = Es wurde nichts geändert. Gehen Sie zurück, und sehen Sie nach, wie es jetzt ist.
error-running-advice = Zuerst muss etwas anderes enden. Warten Sie einen Moment, und versuchen Sie es dann noch einmal. Es wurde nichts geändert.
error-busy-title = Zu viele Anfragen
error-busy-advice = Warten Sie einen Moment, und laden Sie dann die Seite neu.
error-unknown-title = Es ist nicht bekannt, ob dies geschehen ist
error-unknown-advice = Die Verbindung zur Datenbank brach im falschen Moment ab. Sehen Sie nach, ob die Änderung da ist, bevor Sie sie wiederholen.
error-unavailable-title = Dies ist gerade nicht erreichbar
error-unavailable-advice = Etwas, das Tenantry braucht, antwortet nicht. Es wurde nichts geändert. Versuchen Sie es in einer Minute noch einmal; wenn es anhält, sagen Sie es dem Betreiber dieses Servers.
error-internal-title = Etwas ist schiefgegangen
error-internal-advice = Das ist ein Fehler des Servers. Versuchen Sie es noch einmal; wenn es wieder geschieht, nennen Sie dem Betreiber die Nummer der Anfrage unten.

done-session-ended = Diese Sitzung ist abgemeldet.

list-range = { $from }–{ $to } von { $total }
list-range-about = { $from }–{ $to } von etwa { $total }
list-pages = Seiten
list-previous = Zurück
list-next = Weiter

value-none = Keine Angabe

home-title = Start
home-attention = Zu tun
home-nothing = Im Moment ist nichts zu tun.
home-since = Seit
home-recent = Zuletzt geänderte Kunden
home-all-count = { $count ->
    [one] Den einen Kunden zeigen
   *[other] Alle { $shown } Kunden zeigen
}
home-directory-failing = Das Verzeichnis der Tenants ist nicht lesbar
home-trials-ending = { $count ->
    [one] Eine Testphase endet in den nächsten 14 Tagen
   *[other] { $shown } Testphasen enden in den nächsten 14 Tagen
}
home-show-run = Diesen Monat zeigen
home-run-failed = Der Lauf für { $month } ist fehlgeschlagen
home-held-back = Rechnungen für { $month } wurden zurückgehalten
home-unassigned = Geld aus { $month } steht auf keiner Rechnung
home-months = Abgerechnete Monate
home-chart = Beträge der letzten Monate, wie in der Tabelle darunter
home-show-customers = Diese Kunden zeigen

customers-title = Kunden
customers-count = { $count ->
    [one] Ein Kunde
   *[other] { $shown } Kunden
}
customers-none = Es gibt noch keine Kunden.
customers-none-advice = Kunden, die Sie hier oder mit der API anlegen, stehen hier.
customers-no-match = Kein Kunde passt.
customers-no-match-advice = Verwenden Sie weniger Filter oder einen kürzeren Teil des Namens.
customers-about = { $count ->
    [one] Etwa ein Kunde
   *[other] Etwa { $shown } Kunden
}
customers-csv = Als CSV herunterladen
customers-csv-first = Die ersten { $count } als CSV herunterladen
customers-columns = Spalten wählen
customers-columns-submit = Diese Spalten zeigen
customers-choose-one = { $customer } auswählen
customers-change-chosen = Ausgewählte Kunden ändern
customers-change-title = Mehrere Kunden ändern
customers-change-chosen-legend = Ausgewählte Kunden
customers-change-legend = Was soll sich bei allen ändern?
customers-change-access-with = Ihre Benutzer bekommen Zugang
customers-change-access-without = Ihre Benutzer verlieren den Zugang
customers-change-billing-on = Sie werden abgerechnet
customers-change-billing-off = Sie werden nicht mehr abgerechnet
customers-change-set-tag = Sie bekommen ein Tag
customers-change-remove-tag = Sie verlieren ein Tag
customers-change-tag = Neues Tag
customers-change-tag-hint = Zum Beispiel env=prod. Es ersetzt ein Tag mit demselben Schlüssel.
customers-change-key = Schlüssel des Tags, das entfernt wird
customers-change-submit = Diese Kunden ändern
customers-change-missing = Wählen Sie, was sich ändern soll
customers-change-tag-missing = Geben Sie das neue Tag ein
customers-change-key-missing = Geben Sie den Schlüssel des Tags ein, das entfernt werden soll
customers-change-nobody = Wählen Sie mindestens einen Kunden
customers-changed-title = Geänderte Kunden
customers-changed-count = { $count ->
    [0] Kein Kunde wurde geändert.
    [one] Ein Kunde wurde geändert.
   *[other] { $shown } Kunden wurden geändert.
}
customers-changed = Geändert
customers-unchanged = War schon so
customers-refused = Nicht geändert
customers-changed-gone = Den Kunden gibt es nicht mehr.
customers-changed-meanwhile = Dieser Kunde wird gerade laufend geändert. Versuchen Sie es noch einmal.
customers-changed-back = Zurück zur Liste

column-customer = Kunde
column-access = Zugang
column-trial = Testphase
column-billing = Abrechnung
column-tags = Tags
column-changed = Letzte Änderung
column-id = ID
column-country = Land
column-outcome = Ergebnis
column-tenant = Azure-Tenant
column-tenant-id = Tenant-ID
column-assigned = Zugeordnet
column-browser = Browser
column-address = Adresse
column-signed-in = Angemeldet
column-last-seen = Zuletzt benutzt
column-action = Aktion

filter-name = Name enthält
filter-access = Zugang
filter-trial = Testphase
filter-billing = Abrechnung
filter-tag = Tag
filter-order = Reihenfolge
filter-any = Alle
filter-submit = Suchen
filter-clear = Filter entfernen

order-newest = Neueste zuerst
order-oldest = Älteste zuerst
order-name = Name
order-changed = Letzte Änderung

access-with = Mit Zugang
access-without = Ohne Zugang
trial-active = Läuft
trial-ending = Endet in 14 Tagen
trial-ended = Beendet
trial-until = Bis
trial-none = Keine Testphase
billing-on = Wird abgerechnet
billing-off = Ohne Abrechnung
billing-problem = Gestört
billing-problem-title = Es können keine Rechnungen geschrieben werden:

customer-overview = Überblick
customer-address = Adresse
customer-contact = Kontakt für Rechnungen
customer-margin = Marge
customer-folder = Ordner
customer-id = Kundennummer
customer-external-id = Externe Nummer
customer-created = Angelegt
customer-tenants = Azure-Tenants
customer-no-tenants = Kein Azure-Tenant ist zugeordnet.
customer-no-tenants-advice = Ordnen Sie einen zu, damit seine Kosten auf den Rechnungen dieses Kunden stehen.
customer-no-tenants-reader = Ohne einen stehen keine Kosten auf den Rechnungen dieses Kunden.
customer-tenants-more = { $count ->
    [one] Der Kunde hat einen Tenant.
   *[other] Der Kunde hat { $shown } Tenants; die ersten werden gezeigt.
}
tenant-missing = Nicht im Verzeichnis seit

nav-directory = Verzeichnis
nav-audit = Protokoll

done-tenants-assigned = Die Tenants wurden zugeordnet.

directory-title = Verzeichnis
directory-connection = Verbindung
directory-kind = Verbunden mit
directory-file = Eine Datei auf dem Server
directory-partner-center = Microsoft Partner Center
directory-status = Zustand
directory-working = In Ordnung
directory-reading = Die Liste wird gelesen
directory-failing = Gestört
directory-read = Liste zuletzt gelesen
directory-never-read = Noch nicht
directory-cut-off = Die Liste ist unvollständig
directory-none = Kein Verzeichnis ist verbunden.
directory-none-advice = Ohne eines werden Tenant-IDs so übernommen, wie sie eingegeben werden. Der Betreiber dieses Servers verbindet Partner Center oder eine Datei mit Tenants mit diesem Befehl:
directory-assignment = Zuordnung
directory-assigned = Zugeordnet
directory-unassigned = Nicht zugeordnet
directory-not-assigned = Nicht zugeordnet
directory-no-match = Kein Tenant passt.
directory-empty = Es gibt noch keine Azure-Tenants.
directory-empty-advice = Sie erscheinen, wenn das Verzeichnis gelesen oder einer einem Kunden zugeordnet wird.
directory-choose = Auswählen
directory-choose-one = { $tenant } auswählen
directory-assign = Ausgewählte Tenants zuordnen
directory-count = { $count ->
    [one] Ein Tenant
   *[other] { $shown } Tenants
}

assign-title = Tenants zuordnen
assign-tenants = Ausgewählte Tenants
assign-customer = Ihr Kunde
assign-choose = Welcher Kunde bezahlt sie?
assign-more = Es passen mehr Kunden. Suchen Sie nach einem Teil des Namens.
assign-submit = Zuordnen
assign-customer-missing = Wählen Sie einen Kunden

audit-title = Protokoll
audit-object = Objekt
audit-user-id = Nummer des Benutzers
audit-since = Ab (UTC)
audit-until = Vor (UTC)
audit-time = Zeit
audit-who = Wer
audit-user = Benutzer { $id }
audit-server = Der Server
audit-before-after = Vorher und nachher
audit-before = Vorher
audit-after = Nachher
audit-newest = Letzte Woche
audit-none = In dieser Zeit ist nichts geschehen.
audit-none-advice = Suchen Sie in einer früheren Zeit oder mit weniger Filtern. Ohne Filter werden die letzten sieben Tage gezeigt.
audit-verify = Protokoll prüfen
audit-verify-title = Prüfung des Protokolls
audit-verify-good = Nichts wurde geändert, hinzugefügt oder entfernt
audit-verify-good-so-far = Bis hierher wurde nichts geändert, hinzugefügt oder entfernt
audit-verify-bad = { $count ->
    [one] Etwas stimmt nicht
   *[other] An { $shown } Stellen stimmt etwas nicht
}
audit-verify-advice = Sagen Sie es dem Betreiber dieses Servers. Lassen Sie die Datenbank, wie sie ist, und vergleichen Sie sie mit einer Sicherung.
audit-verify-all = Alle { $total } Einträge wurden geprüft, bis { $last }.
audit-verify-part = Die Einträge { $from } bis { $to } von { $total } wurden geprüft, bis { $last }.
audit-verify-none-left = Es folgt kein Eintrag. Insgesamt sind es { $total }.
audit-verify-erased = { $count ->
    [one] Einer davon sagt auf Anweisung weniger über eine Person als früher.
   *[other] { $shown } davon sagen auf Anweisung weniger über eine Person als früher.
}
audit-verify-next = Die folgenden Einträge prüfen
audit-verify-faults = Was nicht stimmt
audit-verify-place = Wo
audit-verify-what = Was
audit-verify-more = { $count ->
    [one] Und eine weitere Stelle.
   *[other] Und { $shown } weitere Stellen.
}
audit-verify-compared = Was verglichen wurde
audit-verify-time = Geprüft
audit-verify-users = Benutzer und Schlüssel
audit-verify-users-compared = Mit den Einträgen verglichen, die von ihnen sprechen
audit-verify-users-not-compared = Nicht verglichen: Dazu braucht es alle Einträge auf einmal. Der Betreiber dieses Servers kann es mit dem Befehl tenantry admin audit verify
audit-anchor = Anker
audit-anchor-about = Der Anker ist eine Notiz außerhalb der Datenbank, wo das Protokoll endete. Nur er zeigt, dass Einträge am Ende abgeschnitten wurden oder dass ein älterer Stand der Datenbank zurückgespielt wurde.
audit-anchor-agrees = Stimmt überein
audit-anchor-differs = Weicht ab
audit-anchor-unreadable = Jetzt nicht lesbar
audit-anchor-of = Stand
audit-anchor-none = Dieser Server hat keinen
audit-fault-event = Eintrag { $id }
audit-fault-chain = Kette { $shard }
audit-fault-partner = Partner
audit-fault-gap = Einträge vor diesem fehlen
audit-fault-altered = Ist nicht, was dort geschrieben wurde
audit-fault-broken = Hier hat der Server selbst festgestellt, dass das Protokoll verändert wurde
audit-fault-replaced = Was er sagt, wurde ersetzt, und kein Eintrag spricht davon
audit-fault-mark = Die Marke, wo sie beginnt, ist nicht, was dort geschrieben wurde
audit-fault-head = Ihr Ende ist nicht von diesem Server unterschrieben
audit-fault-end = Endet nicht mit Eintrag { $id }, wie sie sollte
audit-fault-headless = Nichts sagt, wo sie endet
audit-fault-missing = Fehlt ganz
audit-fault-restarted = Hat mehr als einmal begonnen: Was sie vorher enthielt, fehlt
audit-fault-unannounced = Kein Eintrag spricht von ihrem Beginn
audit-fault-creations = { $found } Einträge sprechen von seiner Anlage, wo es { $expected } sein sollten
audit-fault-user = Ist nicht, was das Protokoll sagt
audit-fault-database = Datenbank
audit-fault-put-back = Am { $at } hat der Server festgestellt, dass die Datenbank in einem älteren Zustand ist, als ihr Anker weiß: Einträge können fehlen

sessions-title = Sitzungen
sessions-intro = Browser, in denen Sie angemeldet sind. Eine Sitzung endet, wenn sie 12 Stunden lang nicht benutzt wurde, und 7 Tage nach der Anmeldung.
sessions-current = Dieser Browser
sessions-unknown-browser = Unbekannter Browser
sessions-end-all = Überall abmelden
sessions-end-all-confirm = In allen Browsern abmelden, auch in diesem?

portal-no-bills-advice = Die Rechnung eines Monats steht hier, sobald Ihr Partner sie gemacht hat.
portal-last-bill = Letzte Rechnung
portal-months = Die letzten zwölf Monate
portal-chart = Balken: Ihre Kosten in jedem der letzten zwölf Monate. Die Tabelle darunter sagt dasselbe.
portal-chart-table = Als Tabelle
portal-all-bills = Alle Rechnungen
portal-newer = Neuere Rechnungen
portal-older = Ältere Rechnungen
portal-services = Nach Dienst
portal-subscriptions = Nach Abonnement
column-service = Dienst
column-subscription = Abonnement
part-other = Sonstiges
portal-partner = Ihr Partner
portal-access-until = Ihr Zugang endet

nav-billing = Abrechnung
nav-users = Benutzer
go-back = Zurück
save-changes = Änderungen speichern
copy = Kopieren
copied = Kopiert
done-customer-created = Der Kunde wurde angelegt.
done-customer-changed = Die Änderungen wurden gespeichert.
done-customer-deleted = Der Kunde wurde gelöscht.
done-user-changed = Die Änderungen wurden gespeichert.
done-user-deleted = Der Benutzer wurde gelöscht. Seine Sitzungen sind beendet.
done-key-revoked = Der Schlüssel wurde gesperrt.
done-run-started = Der Lauf wurde gestartet.
done-run-released = Die Rechnungen werden geschrieben.
done-run-cancelled = Der Lauf wird angehalten.
done-run-withdrawn = Die Abrechnungen dieses Laufs wurden zurückgezogen.
done-run-finalizing = Die Abrechnungen werden endgültig gemacht.
role-hint-admin = Alles, auch Benutzer und Schlüssel
role-hint-operator = Kunden, Tenants und Benutzer der Kunden
role-hint-billing = Preise, Abrechnungsläufe und Kosten
role-hint-viewer = Liest Kunden
role-hint-auditor = Liest alles, auch das Protokoll
role-hint-owner = Sieht die Rechnungen, lädt Benutzer ein und entfernt sie
role-hint-customer = Sieht die Rechnungen
customers-create = Kunden anlegen
customer-new-title = Kunden anlegen
customer-edit-title = Kunden ändern
customer-create = Kunden anlegen
customer-edit = Ändern
customer-delete = Löschen
customer-deleted = Gelöschter Kunde
customer-variant = Wo steht die Adresse des Kunden?
customer-variant-hint = Ein Tenant mit einer Adresse im Azure-Portal bringt sie mit. Sonst geben Sie die Adresse ein.
customer-variant-tenant = In seinem Azure-Tenant
customer-variant-address = Ich gebe sie ein
customer-name-missing = Geben Sie den Namen des Kunden ein
customer-changed-meanwhile = Jemand anders hat diesen Kunden geändert, seit Sie das Formular geöffnet haben. Öffnen Sie ihn in einem zweiten Fenster, vergleichen Sie, und laden Sie diese Seite neu, bevor Sie Ihre Änderung wiederholen.
customer-delete-title = { $name } löschen?
customer-delete-intro = Seine Benutzer verlieren sofort den Zugang, und seine Azure-Tenants sind nicht mehr zugeordnet. Veröffentlichte Rechnungen bleiben. Das kann nicht rückgängig gemacht werden.
customer-delete-type = Geben Sie den Namen des Kunden ein, { $name }, um fortzufahren
customer-delete-wrong = Geben Sie den Namen genau so ein, wie er oben steht
customer-delete-billed = Dieser Kunde hat Abrechnungen oder Korrekturen, die noch auf keiner Abrechnung stehen. Seine Rechnungen bleiben, und seine Tage bis heute können noch abgerechnet werden, aber er kann nicht wiederhergestellt werden.
customer-delete-force = Trotzdem löschen
customer-delete-submit = Diesen Kunden löschen
field-choose = Land wählen
field-name = Name
field-tenant = Azure-Tenant-ID
field-tenant-hint = Geben Sie einen Teil des Namens oder der ID ein, um einen nicht zugeordneten Tenant Ihres Verzeichnisses zu finden.
field-tenant-hint-none = Wie das Azure-Portal sie unter „Mandanten-ID“ zeigt.
field-street1 = Straße
field-street2 = Straße, zweite Zeile (freiwillig)
field-city = Ort
field-state = Bundesstaat, Provinz oder Region
field-state-hint = In den USA das Kürzel, etwa MA; sonst der volle Name, wenn das Land einen hat.
field-zipcode = Postleitzahl
field-country = Land
field-trial = Ende der Testphase (UTC, freiwillig)
field-trial-hint = Von diesem Moment an sind die Benutzer des Kunden ausgesperrt.
field-enabled = Rechnungen für diesen Kunden schreiben
field-folder-hint = Wo seine Rechnungen gespeichert werden, unterhalb Ihres eigenen Ordners.
field-margin = Marge in Prozent
field-margin-hint = Der Anteil am Betrag, der Ihnen bleibt, etwa 12.5.
field-tags-hint = Einer je Zeile, etwa env=prod.
field-email = E-Mail-Adresse
field-person = Name (freiwillig)
field-roles = Rollen
field-key-expires = Schlüssel läuft ab (UTC, freiwillig)
field-key-expires-hint = Ohne Angabe gilt der Schlüssel, bis er ersetzt oder gesperrt wird.
field-key-name = Name des Schlüssels
field-key-name-hint = Wofür der Schlüssel ist. Das Protokoll unterscheidet die Schlüssel.
field-month-hint = Etwa 2026-10.
field-sources = Dateien mit Posten
field-sources-hint = Eine je Zeile, etwa file:october.csv, die im Rechnungsordner des Servers liegt.
field-invoice = Rechnungsnummer von Microsoft (freiwillig)
field-invoice-hint = Nur Posten dieser Rechnung werden abgerechnet.
access-without-hint = Sie rechnen mit dem Kunden ab; seine Benutzer können sich nicht anmelden.
access-with-hint = Seine Benutzer können sich anmelden und sehen ihre Rechnungen.
column-user = Benutzer
column-key = API-Schlüssel
column-key-opens = Erlaubt
column-month = Monat
column-status = Status
column-total = Summe
column-invoice = Rechnung von Microsoft
column-cost = Kosten
column-charge = Betrag
column-profit = Gewinn
column-change = Änderung zum Vormonat
column-lines = Posten
column-reason = Grund
column-started = Begonnen
column-amount = Betrag
column-file = Datei
column-content = Inhalt
users-title = Benutzer
users-intro = Personen und Programme Ihrer Firma, die Tenantry benutzen.
users-intro-customer = Personen und Programme dieses Kunden. Sie sehen ihren eigenen Kunden und dessen Rechnungen und sonst nichts.
users-none = Es gibt noch keine Benutzer.
users-new = Benutzer anlegen
users-create = Benutzer anlegen
users-last-admin = Dies ist der letzte Administrator mit einem Schlüssel. Legen Sie erst einen anderen an.
user-own-roles = Dies sind Ihre eigenen Rollen. Wenn Sie sie ändern, müssen Sie sich neu anmelden.
user-own-key = Dies sind Ihre eigenen Schlüssel. Wenn Sie den ersetzen oder sperren, mit dem Sie angemeldet sind, werden Sie abgemeldet.
user-key-none = Dieser Benutzer hat keinen Schlüssel und kann sich nicht anmelden.
user-keys = API-Schlüssel
user-key-title = Der neue API-Schlüssel
user-key-intro = Dies ist der Schlüssel von { $email }:
user-key-once = Kopieren Sie ihn jetzt, und übergeben Sie ihn sicher. Er wird nur dieses eine Mal gezeigt.
user-rotate = Neuen Standardschlüssel geben
user-rotate-confirm = Neuen Standardschlüssel geben? Der alte gilt sofort nicht mehr, und Sitzungen mit ihm enden.
user-revoke = Alle Schlüssel sperren
user-revoke-confirm = Alle Schlüssel sperren? Sie gelten sofort nicht mehr, und Sitzungen mit ihnen enden.
user-delete = Diesen Benutzer löschen
user-delete-intro = Der Schlüssel gilt nicht mehr, und alle Sitzungen enden sofort. Was der Benutzer getan hat, bleibt im Protokoll.
user-delete-confirm = Diesen Benutzer endgültig löschen?
key-none = Kein Schlüssel
key-live = Gültig
key-until = Gültig bis
key-expired = Abgelaufen
key-never-used = Nie
key-opens-all = Alles, was der Benutzer darf
key-replaced = Ersetzt und noch gültig
key-create = Schlüssel anlegen
key-revoke = Sperren
key-revoke-named = Den Schlüssel { $name } sperren
key-revoke-confirm = Diesen Schlüssel sperren? Er gilt sofort nicht mehr, und Sitzungen mit ihm enden.
statements-title = Rechnungen
statements-none = Es gibt noch keine Rechnungen.
status-final = Endgültig
status-imported = { $status }, von einer früheren Plattform
status-estimated = Schätzung
statement-estimated = Dies ist eine Schätzung: Sie kann sich ändern, bis der Monat endgültig ist.
statement-number = Nummer
statement-issued = Ausgestellt am
statement-due = Fällig am
statement-corrections = Korrekturen früherer Monate
statement-files = Dateien
statement-no-files = Diese Rechnung hat keine Dateien.
file-bill = Alle Posten als Tabelle (CSV)
file-focus = Dieselben Posten im FOCUS-Format (CSV)
file-json = Die Abrechnung für Programme (JSON)
file-html = Die Abrechnung zum Lesen und Drucken (HTML)
billing-title = Abrechnung
billing-none = Es wurde noch kein Monat abgerechnet.
billing-none-advice = Ein Lauf liest die Posten eines Monats von Microsoft und schreibt für jeden Kunden eine Rechnung.
billing-start = Einen Monat abrechnen
billing-start-submit = Lauf starten
run-queued = Wartet
run-running = Läuft
run-succeeded = Fertig
run-failed = Fehlgeschlagen
run-cancelled = Abgebrochen
run-waiting = Wartet auf Bearbeitung.
run-reading = { $percent } % der Dateien sind gelesen, bisher { $lines } Posten.
run-leave = Sie können diese Seite verlassen: Der Lauf geht weiter.
run-errors = Einige Rechnungen konnten nicht geschrieben werden
run-errors-failed = Der Lauf ist fehlgeschlagen, und es wurden keine Rechnungen geschrieben
run-unassigned = Geld auf keiner Rechnung
run-unassigned-intro = Sie bezahlen Microsoft für diese Posten, und kein Kunde bekommt sie berechnet. Ordnen Sie die Tenants Kunden zu, und rechnen Sie den Monat dann noch einmal ab.
unassigned-no-customer = Der Tenant gehört zu keinem Kunden
unassigned-billing-off = Der Kunde wird nicht abgerechnet
unassigned-billed-before = Schon auf einer endgültigen Rechnung
run-held = Zurückgehaltene Rechnungen
run-held-intro = Diese Rechnungen überschreiten eine Grenze und wurden nicht veröffentlicht. Prüfen Sie sie, und geben Sie dann frei, was stimmt.
run-held-badge = Zurückgehalten
run-release = Gewählte Rechnungen freigeben
run-sums = Summen
run-ties = Die Rechnungen und der Rest ergeben Microsofts Dateien, bis auf die letzte Stelle.
run-does-not-tie = Die Rechnungen und der Rest ergeben nicht Microsofts Dateien.
sum-cost = Kosten, ohne Steuer
sum-unassigned = Davon auf keiner Rechnung
sum-charge = Kunden berechnet
sum-held = Zurückgehalten
sum-tax = Steuer von Microsoft, auf keiner Rechnung
run-warnings = Anzusehen
warning-accepted = akzeptiert
warning-blocks-publishing = verhindert die Rechnungen, bis es akzeptiert ist
warning-blocks-finalizing = verhindert, den Monat endgültig zu machen, bis es akzeptiert ist
run-customers = Kunden
order-charge = Größter Betrag
order-profit = Kleinster Gewinn
order-change = Größte Änderung
change-new = Neu
change-large = Über 20 %
run-loss = Verlust
run-gone = Kunden mit einer Rechnung im Vormonat und jetzt keiner
run-about = Über diesen Lauf
run-number = Nummer des Laufs
run-finalize = Endgültig machen
run-cancel = Diesen Lauf abbrechen
run-withdraw = Zurückziehen
run-withdraw-confirm = Alle Abrechnungen dieses Monats zurückziehen? Kunden sehen sie dann nicht mehr.
finalize-title = { $month } endgültig machen?
finalize-accept = Akzeptieren, was dagegen spricht
finalize-submit = Endgültig machen
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
users-more = { $count ->
    [one] Es gibt einen Benutzer.
   *[other] Es gibt { $shown } Benutzer; die ersten werden gezeigt.
}
run-unassigned-count = { $count ->
    [one] Insgesamt ein Tenant.
   *[other] Insgesamt { $shown } Tenants.
}
finalize-intro = { $count ->
    [one] Eine Rechnung wird zur Schuld. Sie kann sich nicht mehr ändern; was später kommt, steht auf der Rechnung des nächsten Monats.
   *[other] { $shown } Rechnungen werden zur Schuld. Sie können sich nicht mehr ändern; was später kommt, steht auf den Rechnungen des nächsten Monats.
}
finalize-held = { $count ->
    [one] Eine Rechnung ist zurückgehalten und bleibt außen vor.
   *[other] { $shown } Rechnungen sind zurückgehalten und bleiben außen vor.
}
finalize-unassigned = { $count ->
    [one] Das Geld eines Tenants steht auf keiner Rechnung.
   *[other] Das Geld von { $shown } Tenants steht auf keiner Rechnung.
}
done-run-published = Die Rechnungen sind veröffentlicht: Kunden sehen sie als Schätzung.
run-publish = Veröffentlichen
run-publish-confirm = Diese Rechnungen veröffentlichen? Kunden sehen sie ab jetzt als Schätzung.
run-publish-anyway = So zeigen, obwohl sich geändert hat, woraus sie gemacht sind
stage-draft = Entwürfe: Kunden sehen diese Rechnungen noch nicht.
stage-published = Veröffentlicht: Kunden sehen diese Rechnungen als Schätzung.
stage-superseded = Ein späterer Lauf hat diesen Monat abgerechnet: Weiter geht es dort.
run-later = Den späteren Lauf zeigen
stage-final-in-part = Endgültig: Diese Rechnungen sind geschuldet, bis auf die stornierten.
run-reversed-badge = Storniert
stage-final = Endgültig: Diese Rechnungen sind geschuldet.
stage-void = Storniert: Endgültige Rechnungen dieses Monats wurden zurückgenommen.
status-void = Storniert
status-reversal = Storno
status-withdrawn = Zurückgezogen

# Preisregeln
billing-months = Monate
price-rules-title = Preisregeln
price-rules-intro = Die erste Regel, die auf einen Posten passt, bestimmt seinen Preis. Passt keine, bestimmt ihn die Marge des Kunden.
price-rules-none = Es gibt keine Preisregeln.
price-rules-none-advice = Der Preis jedes Postens folgt aus der Marge seines Kunden.
rule-new = Preisregel hinzufügen
rule-edit-title = Preisregel ändern
rule-create = Regel hinzufügen
rule-position = Position
rule-position-hint = Regeln werden von der kleinsten Position an geprüft. Leer: hinter allen anderen.
rule-price = Preis
rule-lines = Posten
rule-lines-hint = Die Regel gilt für Posten, die alles davon haben. Lassen Sie leer, was keine Rolle spielt.
rule-all-lines = Alle Posten
rule-days = Tage
rule-always = Alle Tage
rule-from = Ab { $from }
rule-until = Vor dem { $until }
rule-from-until = Ab { $from }, vor dem { $until }
rule-price-margin = Marge von { $percent } %
rule-price-markup = Aufschlag von { $percent } %
rule-price-discount = Listenpreis abzüglich { $percent } %
rule-price-list = Listenpreis
rule-price-fixed = je { $price }
rule-kind-margin = Marge
rule-kind-margin-hint = Der Anteil am Preis, der Ihnen bleibt: Kosten ÷ (1 − Marge).
rule-kind-markup = Aufschlag
rule-kind-markup-hint = Auf die Kosten: Kosten × (1 + Aufschlag).
rule-kind-discount = Listenpreis abzüglich eines Rabatts
rule-kind-fixed = Fester Preis je Einheit
rule-percentage = Prozentsatz
rule-percentage-hint = Etwa 12.5.
rule-unit-price = Preis je Einheit
rule-unit-price-hint = Etwa 4.20.
rule-currency = Währung
rule-currency-hint = Ihr Kürzel, etwa EUR.
rule-name-hint = Wie Sie die Regel nennen. Kunden sehen den Namen nicht.
rule-customer-hint = Sein Name. Leer: alle Kunden.
rule-customer-unknown = Es gibt keinen Kunden mit diesem Namen. Wählen Sie einen aus der Liste, oder kopieren Sie den Namen von der Seite des Kunden.
rule-publisher = Herausgeber
rule-publisher-hint = Wie Microsofts Dateien ihn nennen, etwa Microsoft.
rule-product = Produkt-ID
rule-product-hint = Etwa CFQ7TTC0LF8R.
rule-sku = SKU-ID
rule-charge-type = Art der Belastung
rule-charge-type-hint = Wie Microsofts Dateien sie nennen, etwa new oder cycleCharge.
rule-meter-category = Azure-Dienst
rule-meter-category-hint = Die Kategorie der Verbrauchseinheit (MeterCategory), etwa Storage.
rule-effective-from = Erster Tag (freiwillig)
rule-effective-until = Ende (freiwillig)
rule-effective-until-hint = Der erste Tag, an dem die Regel nicht mehr gilt.
rule-credit = Partner Earned Credit
rule-credit-default = Wie überall sonst
rule-credit-kept = Sie behalten den Partner Earned Credit
rule-credit-passed-on = Der Kunde bekommt den Partner Earned Credit
rule-move-up = { $name } nach oben
rule-move-down = { $name } nach unten
rule-changed-meanwhile = Jemand anders hat diese Regel geändert, seit Sie das Formular geöffnet haben. Öffnen Sie sie in einem zweiten Fenster, vergleichen Sie, und laden Sie diese Seite neu, bevor Sie Ihre Änderung wiederholen.
rule-delete-title = { $name } löschen?
rule-delete-intro = Läufe, die ab jetzt beginnen, berechnen ihre Posten nach der nächsten passenden Regel oder nach der Marge des Kunden. Fertige Rechnungen bleiben, wie sie sind.
rule-delete-submit = Diese Regel löschen
rule-try = Am letzten Monat ausprobieren
rule-try-hint = Das Ausprobieren zeigt, welche Rechnungen sich ändern würden, und speichert nichts.
rule-try-no-month = Es gibt keinen Monat zum Ausprobieren: Es wurde noch keiner abgerechnet.
rule-tried = Ausprobiert: { $month }
rule-try-changed = { $count ->
    [0] Keine Rechnung ändert sich.
    [one] Eine Rechnung ändert sich.
   *[other] { $shown } Rechnungen ändern sich.
}
rule-try-unchanged = { $count ->
    [0] Andere gibt es nicht.
    [one] Eine bleibt, wie sie ist.
   *[other] { $shown } bleiben, wie sie sind.
}
rule-try-saved-nothing = Noch ist nichts gespeichert.
rule-try-unused = Kein Posten dieses Monats bekommt seinen Preis von dieser Regel: Keiner passt, oder eine Regel davor passt zuerst.
rule-try-before = Betrag jetzt
rule-try-after = Mit der Regel
rule-try-difference = Unterschied
rule-try-total = Alle Rechnungen
rule-try-more = { $count ->
    [one] Eine weitere Rechnung ändert sich um weniger.
   *[other] { $shown } weitere Rechnungen ändern sich um weniger.
}
rule-try-basis = „Betrag jetzt“ folgt den gespeicherten Regeln. Posten, Kunden und ihre Margen sind die des letzten Laufs dieses Monats.
done-rule-created = Die Regel wurde hinzugefügt.
done-rule-changed = Die Änderungen wurden gespeichert.
done-rule-deleted = Die Regel wurde gelöscht.
done-rule-moved = Die Reihenfolge wurde geändert.

# Eine Rechnung
bill-parts = Woraus sie besteht
bill-by-day = Nach Tag
bill-previous = Vormonat
bill-as-customer = Wie der Kunde sie sieht
bill-customer = Der Kunde
bill-costs = Kosten und Preise
bill-gone = Auf der Rechnung des Vormonats und nicht auf dieser:
bill-no-files = Es gibt keine Posten zu zeigen: Die Rechnung ist zurückgehalten, oder nichts darauf ist neu.
bill-unreadable = Ihre Posten können gerade nicht gelesen werden: Der Speicher der Rechnungen antwortet nicht, oder die Dateien sind nicht da. Versuchen Sie es in einer Minute noch einmal; bleibt es so, sagen Sie es denen, die diesen Server betreiben.
bill-too-long = Diese Rechnung hat zu viele Posten, um sie auf einer Seite zusammenzuzählen. Ihre Dateien haben alle.
bill-lines-cut-off = Diese Rechnung hat sehr viele Posten. Hier werden nur die ersten 200.000 durchsucht; ihre Dateien haben alle.
bill-filter-text = Dienst, Ressource oder Abonnement enthält
bill-lines-count = { $count ->
    [one] Ein Posten
   *[other] { $shown } Posten
}
bill-lines-none = Kein Posten passt.
bill-lines-none-advice = Nehmen Sie weniger Filter oder einen kürzeren Text.
bill-more-parts = { $count ->
    [one] Eine Zeile mehr ist nicht aufgeführt.
   *[other] { $shown } weitere sind nicht aufgeführt.
}
column-day = Tag
column-quantity = Menge
column-unit-price = Preis je Einheit
part-rounding = Rundung
part-adjustments = Rundung und Korrekturen
part-correction = Korrektur: { $month }
why-title = Warum dieser Preis
why-made-by = Gemacht von
why-made-from = Ausgehend von
why-owner = Zuordnung
why-rule = Preisregel „{ $name }“
why-margin = Die Marge des Kunden
why-margin-since = Die Marge des Kunden, { $percent } % seit { $day }
why-margin-first = Die Marge des Kunden, anfangs { $percent } %
why-margin-kept = Ihnen bleiben { $percent }
why-from-cost = Kosten
why-from-before-credit = Kosten vor dem Partner Earned Credit
why-from-list = Listenpreis
why-from-fixed = Fester Preis
why-tenant = Der Kunde hat den Tenant { $tenant }

# Single Sign-on
nav-settings = Einstellungen
sign-in-with-key = Oder mit einem API-Schlüssel
sso-partner = Bei { $partner } anmelden
sso-customers = Mit Microsoft anmelden
sso-customers-hint = Für Kunden von { $partner }
sso-stale = Diese Anmeldung hat zu lange gedauert, wurde in einem anderen Browser begonnen oder ist schon verwendet. Melden Sie sich noch einmal an.
sso-declined = Der Anbieter hat Sie nicht angemeldet. Versuchen Sie es noch einmal; hilft das nicht, fragen Sie Ihre Administration, ob Sie diese Anwendung benutzen dürfen.
sso-not-configured = Hier gibt es kein Single Sign-on. Benutzen Sie den Link, den Sie bekommen haben, oder melden Sie sich mit einem API-Schlüssel an.
sso-provider = Der Anbieter der Anmeldung hat nicht so geantwortet, wie er muss. Versuchen Sie es in einer Minute noch einmal; hilft das nicht, sagen Sie es Ihrer Administration, die den Grund im Protokoll des Servers findet.
sso-email = Ihr Anbieter hat keine E-Mail-Adresse geschickt, die er geprüft hat. Fragen Sie Ihre Administration.
sso-domain = Die Domain Ihrer E-Mail-Adresse darf sich hier nicht anmelden. Fragen Sie Ihre Administration.
sso-tenant = Ihr Microsoft-Mandant gehört hier zu keinem Kunden. Melden Sie sich mit dem Konto Ihrer Firma an, oder fragen Sie Ihren Partner.
sso-unknown = Hier gibt es keinen Benutzer mit Ihrer E-Mail-Adresse. Bitten Sie Ihre Administration, Sie hinzuzufügen.
sso-linked = Ihr Benutzer ist mit einem anderen Konto verbunden. Wurde Ihr Konto neu angelegt, bitten Sie Ihre Administration, das alte zu trennen.
sso-settings-title = Single Sign-on
sso-settings-intro = Benutzer melden sich mit einem Konto an, das sie schon haben. Ein Benutzer muss hier zuerst angelegt sein, mit derselben E-Mail-Adresse.
sso-redirect-uri = Umleitungs-URI, für die Registrierung beim Anbieter
sso-sign-in-link = Anmeldeseite, für Ihre Benutzer und Kunden
sso-for-partner = Ihre eigenen Benutzer
sso-for-partner-intro = Jeder Anbieter, der OpenID Connect spricht: Microsoft Entra, Okta, Google, Keycloak.
sso-for-customers = Benutzer der Kunden
sso-for-customers-intro = Kunden melden sich mit ihrem eigenen Microsoft-Mandanten an. Registrieren Sie eine mehrmandantenfähige Anwendung bei Microsoft Entra, mit den optionalen Ansprüchen email und xms_edov. Nur Mandanten, die dem Kunden zugeordnet sind, kommen herein.
sso-is-set = An
sso-is-not-set = Aus
sso-save = Speichern und prüfen
sso-remove = Ausschalten
sso-remove-confirm = Ausschalten? Wer sich damit angemeldet hat, wird abgemeldet.
field-issuer = Aussteller
field-issuer-hint = Bei Microsoft Entra: https://login.microsoftonline.com/IHRE-MANDANTEN-ID/v2.0
field-authority = Adresse von Microsoft
field-authority-hint = https://login.microsoftonline.com, oder die Adresse einer nationalen Cloud
field-client-id = Client-ID
field-client-secret = Geheimer Clientschlüssel
field-client-secret-hint = Wird verschlüsselt gespeichert und nie wieder gezeigt.
field-client-secret-kept = Leer lassen, um den gespeicherten zu behalten.
field-domains = Erlaubte E-Mail-Domains
field-domains-hint = Mit Kommas dazwischen, etwa example.com. Leer: alle.
done-sign-in-saved = Gespeichert. Der Anbieter wurde erreicht.
done-sign-in-removed = Ausgeschaltet.

# Einladungen
user-invite = Einladung erstellen
user-invite-intro = Ein Link, der diesen Benutzer einmal anmeldet, innerhalb von 72 Stunden und ohne Schlüssel. Ein früherer Link gilt nicht mehr.
invitation-link-title = Einladung
invitation-link-intro = Schicken Sie diesen Link an { $email }. Er funktioniert einmal.
invitation-link-once = Der Link wird nur jetzt gezeigt und meldet an, wer ihn zuerst öffnet.
invitation-until = Gültig bis
invitation-back = Zurück zum Benutzer
invitation-title = Anmelden
invitation-partner = { $partner } hat Sie eingeladen.
invitation-used-title = Diese Einladung ist schon benutzt
invitation-used = Eine Einladung funktioniert einmal. Sind Sie in diesem Browser noch angemeldet, machen Sie dort weiter.
invitation-late-title = Diese Einladung ist abgelaufen
invitation-late = Eine Einladung gilt 72 Stunden.
invitation-unknown-title = Diese Einladung ist nicht gültig
invitation-unknown = Sie wurde durch eine neuere ersetzt, oder der Link ist nicht vollständig. Suchen Sie nach einer neueren Nachricht, und kopieren Sie den ganzen Link.
invitation-ask = Bitten Sie { $email } um eine neue.
invitation-ask-admin = Bitten Sie Ihre Administration um eine neue.
invitation-no-mail = Dieser Server verschickt keine E-Mails und kann Ihnen deshalb selbst keine schicken.

# Erscheinungsbild
branding-title = Erscheinungsbild
branding-intro = Wie Kunden Sie sehen: im Kopf ihrer Seiten, und wo sie sich anmelden.
settings-label = Einstellungen
field-brand-name = Name
field-brand-name-hint = Leer: Ihr Anzeigename.
field-colour = Farbe
field-colour-hint = Der Hintergrund des Kopfes, etwa #1f5fbf. Der Text darauf wird schwarz oder weiß, was sich besser lesen lässt.
field-portal-host = Host des Portals
field-portal-host-hint = Etwa portal.example.com. Richten Sie zuerst seinen DNS-Eintrag und sein Zertifikat auf diesen Server. Die Anmeldeseite dort bietet nur Ihre Anbieter an.
done-branding-saved = Gespeichert.
field-logo = Logo
logo-current = Ihr Logo
logo-file = Bild
logo-other = Anderes Bild
logo-hint = PNG oder WebP, höchstens 200 KB und 2048 × 2048 Pixel. Es wird bis zu 48 Pixel hoch anstelle des Namens gezeigt; ein durchsichtiger Hintergrund passt zu jeder Kopfzeile.
logo-too-large = Diese Datei ist größer als 200 KB. Wählen Sie eine kleinere.
logo-save = Dieses Bild verwenden
logo-remove = Logo entfernen
done-logo-saved = Das Logo wurde gespeichert.
done-logo-removed = Das Logo wurde entfernt.

# Die eigenen Benutzer des Kunden
portal-users-intro = Die Personen Ihrer Firma, die diese Seiten sehen. Inhaber laden sie ein und entfernen sie.
portal-users-you = Sie
portal-users-new = Benutzer einladen
portal-users-email-hint = Die Adresse, mit der sich die Person anmeldet. Sie bekommen einen Link, den Sie dorthin schicken.
portal-users-invite = Einladung erstellen
portal-users-own-role = Das ist Ihre eigene Rolle. Geben Sie sie ab, sehen Sie diese Seite nicht mehr und müssen sich neu anmelden.
portal-users-remove = Diesen Benutzer entfernen
portal-users-remove-intro = Der Benutzer wird sofort abgemeldet und sieht diese Seiten nicht mehr.
portal-users-remove-own = Das sind Sie selbst: Sie werden sofort abgemeldet und sehen diese Seiten nicht mehr.
portal-users-remove-confirm = Diesen Benutzer entfernen?
users-last-owner = Das ist der letzte Inhaber. Machen Sie zuerst einen anderen Benutzer zum Inhaber, oder fragen Sie Ihren Partner.
field-role = Rolle
column-invitation = Offene Einladung
done-user-removed = Der Benutzer wurde entfernt.

# Adressen nach Ländern
address-follow = Dieses Land verwenden
address-choose = Bitte wählen
address-optional = { $label } (freiwillig)
address-state-hint = Der volle Name.
address-code-hint = Etwa { $example }.
address-state-area = Gebiet
address-state-county = County
address-state-department = Departement
address-state-district = Distrikt
address-state-do-si = Provinz oder Stadt
address-state-emirate = Emirat
address-state-island = Insel
address-state-oblast = Oblast
address-state-parish = Gemeinde
address-state-prefecture = Präfektur
address-state-province = Provinz
address-state-state = Bundesstaat
address-code-zip = ZIP-Code
address-code-pin = PIN-Code
address-code-eircode = Eircode
address-city-district = Bezirk
address-city-suburb = Stadtteil
address-city-post-town = Postort
user-accounts = Verknüpftes Konto
user-unlink = Verknüpfung lösen
user-unlink-intro = Das Konto, mit dem sich dieser Benutzer anmeldet. Wurde es beim Anbieter neu angelegt, lösen Sie das alte: Die nächste Anmeldung verknüpft das Konto, das dann diese E-Mail-Adresse hat.
user-unlink-confirm = Verknüpfung lösen? Sitzungen, die mit dem Konto geöffnet wurden, enden.
done-user-unlinked = Die Verknüpfung wurde gelöst.

# Was Aufmerksamkeit braucht, und was hilft
home-show-directory = Das Verzeichnis zeigen
home-billing-problems = { $count ->
    [one] Der letzte Lauf hatte an einer Rechnung etwas auszusetzen
   *[other] Der letzte Lauf hatte an { $shown } Rechnungen etwas auszusetzen
}
home-largest = Größte Kunden, { $month }
run-assign = Einem Kunden zuordnen
run-assign-named = Einem Kunden zuordnen: { $tenant }
run-repeat = Diesen Monat noch einmal abrechnen
customer-history = Verlauf
customer-rules-intro = Die erste davon, die auf einen Posten dieses Kunden passt, bestimmt seinen Preis; passt keine, bestimmt ihn die Marge.
customer-no-rules = Keine Preisregel gilt für diesen Kunden: Die Marge bestimmt jeden Preis.
customer-all-rules = Alle Preisregeln
rule-drag = An eine andere Stelle ziehen
error-retry = Noch einmal versuchen
error-retry-advice = Etwas, das dieser Server braucht, antwortet gerade nicht. Es wurde nichts geändert, und was Sie eingegeben haben, steht noch in dieser Seite: Warten Sie einen Moment, und versuchen Sie es noch einmal.
error-still-running = Dasselbe Formular wird noch bearbeitet. Warten Sie einen Moment, und sehen Sie nach, ob es getan ist.
error-form-reused = Dieses Formular wurde schon einmal mit anderem Inhalt gesendet. Gehen Sie zurück, laden Sie die Seite neu, und wiederholen Sie Ihre Eingabe.
value-yes = Ja
value-no = Nein

# Microsofts Rechnungen
invoices-title = Microsofts Rechnungen
invoices-intro = Wie Partner Center sie auflistet: ob jede geholt und abgerechnet ist und auf dieselbe Summe kommt.
invoices-none = Es ist noch keine Rechnung bekannt.
invoices-none-advice = Sie stehen hier, sobald Partner Center verbunden ist und die Automatik nach Rechnungen sieht, oder mit tenantry invoices fetch.
invoices-date = Datum
invoices-fetched = Geholt
invoices-billed = Abgerechnet
invoices-ties = Stimmt überein
invoices-fetch-failed = Das Holen ist fehlgeschlagen

# Was der Server von selbst tut
automation-title = Automatik
automation-intro = Was der Server für die Abrechnung von selbst tut. Er rechnet den vorigen Monat und spätere ab.
automation-off = Nichts
automation-estimates = Jede Nacht, für den laufenden Monat
automation-daily = Schätzungen für das, was noch auf keiner Rechnung steht
automation-invoices = Wenn eine Rechnung von Microsoft erscheint
automation-fetch = Sie holen
automation-bill = Sie holen und den Monat abrechnen
automation-finalize = Wenn der Monat abgerechnet ist
automation-by-hand = Sie machen ihn endgültig
automation-after-days = Er wird nach einigen Tagen endgültig, wenn nichts dagegen spricht
automation-limits = Grenzen
automation-days = Tage, bis er endgültig wird
automation-days-hint = Nachdem die Rechnungen gemacht wurden.
automation-unassigned = Geld, das auf keiner Rechnung stehen darf
automation-unassigned-hint = In jeder Währung, wenn ein Monat von selbst endgültig wird. Etwa 10.00.
automation-publish = Kunden sehen die Rechnungen, bevor sie endgültig sind
automation-failure = Der letzte Schritt ist fehlgeschlagen
automation-waits = Es wartet auf Sie
automation-done = Was getan wurde
automation-next = Das nächste Mal sieht der Server nach:
automation-nothing = Noch nichts.
automation-done-fetch = Eine Rechnung geholt
automation-done-bill = Einen Monat abgerechnet
automation-done-finalize = Einen Monat endgültig gemacht
done-automation-saved = Gespeichert.

# Wovor eine Warnung eines Laufs warnt
warning-title-empty_file = Eine Datei ohne Posten
warning-title-several_invoices = Posten mehrerer Rechnungen
warning-title-equal_lines_in_export = Gleiche Posten in einem Export
warning-title-overlapping_files = Zwei Dateien haben Posten gemeinsam
warning-title-lines_of_other_months = Posten anderer Monate
warning-title-lines_without_invoice = Posten, die noch auf keiner Rechnung stehen
warning-title-no_manifest = Vielleicht fehlt ein Teil eines Exports
warning-title-earned_credit_unknown = Der Earned Credit ist nicht bekannt
warning-title-earned_credit_mismatch = Der Earned Credit erklärt die Kosten nicht
warning-title-below_cost = Für weniger berechnet, als es kostet
warning-title-far_above_cost = Für mehr als das Fünffache der Kosten berechnet
warning-title-reissued_invoice = Posten, die unter einer anderen Rechnung endgültig sind
warning-title-usage_differs = Verbrauch und Rechnung weichen voneinander ab
warning-title-price_rule_unused = Eine Preisregel passt auf nichts
warning-title-price_rule_without_rate = Ein Preis in einer Währung ohne Kurs
warning-title-price_rule_without_list_price = Ein Listenpreis fehlt
warning-title-price_rule_without_quantity = Eine Menge fehlt
warning-title-expected_total_mismatch = Nicht die erwartete Summe
warning-title-unassigned = Geld auf keiner Rechnung
warning-title-held_back = Rechnungen werden zurückgehalten
warning-title-folder_unwritable = Ein Ordner nimmt keine Rechnung an
warning-title-facts_changed = Seit die Rechnungen gemacht wurden, hat sich etwas geändert

# Die Verbindung zum Verzeichnis
duration-short = weniger als einer Sekunde
directory-application = Anwendung
directory-reading-since = Seit
directory-entries = { $count ->
    [one] ein Eintrag
   *[other] { $shown } Einträge
}
directory-walked = { $entries } in { $took }
directory-tested = Zuletzt geprüft:
directory-not-tested = Noch nicht geprüft. Was die Anwendung darf, zeigt sich, wenn die Verbindung geprüft wird.
directory-needs = Berechtigungen
directory-needs-intro = Was eine Anwendung darf, sagt Microsoft ihr nur durch seine Antworten: Hier steht, was gelungen ist und was abgelehnt wurde.
directory-reconnect = Neue Zugangsdaten eingeben
directory-test = Jetzt prüfen
directory-walk = Liste jetzt lesen
directory-disconnect-link = Trennen…
directory-ask-admin = Die Administratoren Ihres Unternehmens können die Verbindung prüfen und neue Zugangsdaten eingeben.
directory-credentials-title = Neue Zugangsdaten für das Verzeichnis
directory-credentials-intro = Sie werden geprüft, bevor sie die gespeicherten ersetzen. Solange etwas nicht gelingt, bleibt die Verbindung, wie sie ist. Eine andere Anwendung oder einen anderen Tenant verbindet der Betreiber dieses Servers.
directory-credentials-submit = Prüfen und speichern
directory-replaced = Die Verbindung wurde inzwischen geändert. Sehen Sie nach und wiederholen Sie dies, wenn es noch nötig ist.
directory-secret-refused = Geheimer Clientschlüssel: Microsoft nimmt ihn nicht an. Geben Sie den Wert des Schlüssels ein, nicht seine ID, und sehen Sie nach, ob er abgelaufen ist.
directory-token-refused = Aktualisierungstoken: Microsoft nimmt es nicht an. Melden Sie sich als der Benutzer, der zugestimmt hat, mit mehreren Faktoren (MFA) neu an und geben Sie das neue Token ein.
directory-not-working = Nicht gespeichert, denn dies gelingt nicht: { $need }. Mehr dazu steht unten bei der Prüfung.
directory-tried = Ergebnis der Prüfung
directory-disconnect-title = Verzeichnis trennen?
directory-disconnect-warning = Die gespeicherten Zugangsdaten werden gelöscht. Nur der Betreiber dieses Servers kann wieder ein Verzeichnis verbinden.
directory-disconnect-kept = Kunden und ihre Tenants bleiben, wie sie sind. Danach werden Tenant-IDs so übernommen, wie sie eingegeben werden, Adressen nicht mehr aktualisiert und Rechnungen nicht mehr abgerufen.
directory-disconnect-confirm = Ich möchte das Verzeichnis trennen
directory-disconnect = Trennen
directory-disconnect-unconfirmed = Setzen Sie das Häkchen, wenn Sie das Verzeichnis trennen möchten
field-refresh-token = Aktualisierungstoken
field-refresh-token-hint = Des Benutzers, der der Anwendung zugestimmt hat, aus einer Anmeldung mit mehreren Faktoren (MFA). Leer lassen, um das gespeicherte zu behalten.
field-directory-secret-hint = Der Wert eines Schlüssels aus der Registrierung der Anwendung in Microsoft Entra, nicht seine ID. Wird verschlüsselt gespeichert und nie wieder gezeigt.
field-directory-secret-kept = Nur, wenn er sich auch ändert: der Wert, nicht die ID. Leer lassen, um den gespeicherten zu behalten.
done-directory-tested = Geprüft: Alles Nötige gelingt.
directory-needs-missing = Etwas, das nötig ist, gelingt nicht.
done-directory-walk = Die Liste wird in wenigen Sekunden von Anfang an gelesen.
done-directory-reconnected = Die neuen Zugangsdaten gelten und sind gespeichert.
done-directory-disconnected = Das Verzeichnis ist getrennt.
column-permission = Berechtigung
directory-cause-unreachable = Das Verzeichnis ist nicht erreichbar
directory-advice-unreachable = Es wird von selbst wieder versucht. Hält es an, sehen Sie nach, ob Microsoft eine Störung meldet, und fragen Sie den Betreiber dieses Servers, ob er Microsoft erreichen darf.
directory-cause-throttled = Das Verzeichnis begrenzt, wie oft es gefragt werden darf
directory-advice-throttled = Es ist nichts zu tun: Es wird später wieder versucht.
directory-cause-refused = Das Verzeichnis verweigert den Zugang
directory-advice-refused = Zugangsdaten sind abgelaufen, oder eine Berechtigung fehlt. Prüfen Sie die Verbindung, um zu sehen, welche. Geben Sie dann neue Zugangsdaten ein oder erteilen Sie die Berechtigung.
directory-cause-mfa-required = Microsoft verlangt eine Anmeldung mit mehreren Faktoren (MFA)
directory-advice-mfa-required = Der Benutzer, der der Anwendung zugestimmt hat, muss sich mit mehreren Faktoren neu anmelden. Geben Sie das neue Aktualisierungstoken ein.
directory-cause-invalid = Was das Verzeichnis antwortet, ist nicht lesbar
directory-advice-invalid = Prüfen Sie die Verbindung, um zu sehen, was falsch ist. Ist das Verzeichnis eine Datei, muss sie auf dem Server berichtigt werden.
directory-cause-start-over = Die Liste muss von Anfang an gelesen werden
directory-advice-start-over = Es ist nichts zu tun: Sie wird von selbst neu gelesen.
directory-cause-internal = Der Server konnte die Verbindung nicht verwenden
directory-advice-internal = Fragen Sie den Betreiber dieses Servers: Sein Protokoll sagt mehr.
directory-cause-unknown = Der letzte Versuch ist fehlgeschlagen
directory-advice-unknown = Prüfen Sie die Verbindung, um zu sehen, was falsch ist.
need-works = Vorhanden
need-missing = Fehlt
need-unknown = Nicht geprüft
need-seen-of = { $count } von { $of } geprüften Kunden
need-seen-customers = erste Seite: { $count }
need-seen-invoices = Rechnungen: { $count }
need-sign-in = Anmelden
need-about-sign-in = Der geheime Clientschlüssel der Anwendung und die Zustimmung eines Administrators zur Berechtigung Microsoft Partner Center
need-multi-factor = Anmeldung mit mehreren Faktoren (MFA)
need-about-multi-factor = Microsoft verlangt sie von dem Benutzer, der zugestimmt hat
need-list-customers = Liste der Kunden lesen
need-about-list-customers = Die Rolle „Admin agent“ oder „Sales agent“ in Partner Center
need-billing-profiles = Abrechnungsprofile der Kunden lesen
need-about-billing-profiles = Eine von zwei Quellen für Adressen. Delegierte Verwaltung (GDAP) des Kunden
need-organizations = Organisationen der Kunden lesen
need-about-organizations = Die andere Quelle für Adressen. Delegierte Verwaltung (GDAP) des Kunden
need-see-addresses = Adressen der Kunden sehen
need-about-see-addresses = Aus einer der beiden Quellen, damit die Adresse eines neuen Kunden nicht eingegeben werden muss
need-list-invoices = Rechnungen von Microsoft lesen
need-about-list-invoices = Nur für die Abrechnung: die Rolle „Admin agent“ oder „Billing admin“ in Partner Center
need-export-billing-data = Abrechnungsdaten exportieren
need-about-export-billing-data = Nur für die Abrechnung: die Berechtigung PartnerBilling.Read.All von Microsoft Graph
need-read-file = Datei lesen
need-about-read-file = Die Datei auf dem Server und was darin steht
warning-title-bill_gone = Ein Kunde hat keine Rechnung mehr
warning-title-uncoded = Anzusehen
sums-none = nichts
sums-and = { $sums } und { $last }
place-line = Zeile { $line }
place-character = Zeichen { $number }
place-column = Spalte { $column }
place-customer = Kunde { $id }
