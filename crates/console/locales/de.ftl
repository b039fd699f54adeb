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
role-customer = Kunde

sign-in-title = Anmelden
sign-in-key = API-Schlüssel
sign-in-key-hint = Der Schlüssel, den Sie mit Ihrem Benutzer erhalten haben. Er beginnt mit „tnt_“, wenn Ihr Administrator keinen anderen gewählt hat. Er wird einmal zum Anmelden verwendet und nicht in diesem Browser gespeichert.
sign-in-submit = Anmelden
sign-in-key-missing = Geben Sie Ihren API-Schlüssel ein
sign-in-key-wrong = Diesen Schlüssel gibt es nicht oder nicht mehr. Kopieren Sie ihn noch einmal, oder bitten Sie Ihren Administrator um einen neuen.
sign-in-insecure = Zum Anmelden ist eine verschlüsselte Verbindung nötig. Öffnen Sie diese Seite mit https://. Ist sie es schon, muss der Server es wissen: siehe --public-url und --trusted-proxies.

ended-idle = Sie wurden abgemeldet, weil diese Sitzung 12 Stunden lang nicht benutzt wurde. Melden Sie sich wieder an, um dort weiterzumachen.
ended-age = Sie wurden abgemeldet, weil Ihre Anmeldung 7 Tage zurückliegt. Melden Sie sich wieder an, um dort weiterzumachen.
ended-key = Sie wurden abgemeldet, weil der Schlüssel, mit dem Sie angemeldet waren, ersetzt oder gesperrt wurde oder abgelaufen ist. Melden Sie sich mit Ihrem neuen Schlüssel an.
ended-user = Sie wurden abgemeldet, weil Ihr Benutzer gelöscht wurde. Fragen Sie Ihren Administrator.
ended-roles = Sie wurden abgemeldet, weil sich Ihre Rollen geändert haben. Melden Sie sich wieder an.
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
error-conflict-advice = Zuerst muss etwas anderes enden. Warten Sie einen Moment, und versuchen Sie es dann noch einmal. Es wurde nichts geändert.
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
list-pages = Seiten
list-previous = Zurück
list-next = Weiter

value-none = Keine Angabe

home-title = Start
home-attention = Zu tun
home-nothing = Im Moment ist nichts zu tun.
home-since = Seit
home-recent = Zuletzt geänderte Kunden
home-all-customers = Alle Kunden
home-all-count = { $count ->
    [one] Den einen Kunden zeigen
   *[other] Alle { $shown } Kunden zeigen
}
home-directory-failing = Das Verzeichnis der Tenants ist nicht lesbar
home-trials-ending = { $count ->
    [one] Eine Testphase endet in den nächsten 14 Tagen
   *[other] { $shown } Testphasen enden in den nächsten 14 Tagen
}
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

column-customer = Kunde
column-access = Zugang
column-trial = Testphase
column-billing = Abrechnung
column-tags = Tags
column-changed = Letzte Änderung
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

sessions-title = Sitzungen
sessions-intro = Browser, in denen Sie angemeldet sind. Eine Sitzung endet, wenn sie 12 Stunden lang nicht benutzt wurde, und 7 Tage nach der Anmeldung.
sessions-current = Dieser Browser
sessions-unknown-browser = Unbekannter Browser
sessions-end-all = Überall abmelden
sessions-end-all-confirm = In allen Browsern abmelden, auch in diesem?

portal-partner = Ihr Partner
portal-access-until = Ihr Zugang endet
