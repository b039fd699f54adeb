# Why something cannot be done now. English texts are those of the refusals themselves (`app::Refusal`); a text is chosen by the
# refusal's name. What has no name is said in English.

refusal-partner-suspended = Dieser Partner ist gesperrt
refusal-without-access = Dieser Kunde wird ohne Zugang verwaltet: Seine Benutzer können die Plattform nicht verwenden
refusal-trial-ended = Die Testphase dieses Kunden ist beendet: { $end }
refusal-may-not-read-customers = Mit Ihren Rollen ({ $roles }) sind Kunden nicht zu sehen
refusal-may-not-change-customers = Mit Ihren Rollen ({ $roles }) lassen sich Kunden, ihre Tenants und ihre Benutzer nicht ändern
refusal-may-not-see-costs = Mit Ihren Rollen ({ $roles }) sind Kosten, Margen und Preise nicht zu sehen
refusal-may-not-manage-billing = Mit Ihren Rollen ({ $roles }) lassen sich Preise nicht ändern und Monate nicht abrechnen
refusal-may-not-manage-partner = Mit Ihren Rollen ({ $roles }) lassen sich Benutzer, Schlüssel und Einstellungen nicht verwalten
refusal-may-not-read-audit = Mit Ihren Rollen ({ $roles }) ist das Protokoll nicht zu lesen
refusal-other-sign-in = Eine andere Anmeldung ist unterwegs; melden Sie sich noch einmal an
refusal-run-has-ended = Dieser Lauf ist schon zu Ende ({ $state })
refusal-run-under-way = Dieser Lauf ist noch unterwegs ({ $state })
refusal-run-without-bills = Dieser Lauf hat keine Rechnungen ({ $state })
refusal-run-not-last = Dieser Lauf ist nicht der letzte für { $month }: Das ist Lauf { $run }
refusal-month-under-way = Ein Lauf für { $month } ist unterwegs
refusal-month-is-final = { $month } ist endgültig: Seine Rechnungen bleiben, es sei denn, sie werden storniert
refusal-correction-carried = Eine Korrektur dieses Laufs steht auf einer Rechnung von { $months }: Ziehen Sie erst die zurück, oder stornieren Sie sie
refusal-invoice-is-final = Microsofts Rechnung { $invoice } ist in { $month } abgerechnet und endgültig: Rechnen Sie ihre Dateien in jenem Monat ab
refusal-invoice-is-published = Microsofts Rechnung { $invoice } steht auf veröffentlichten Rechnungen von { $month }: Ziehen Sie erst die zurück, oder stornieren Sie sie
refusal-warning-to-accept = { $warning } ({ $code }; lässt sich akzeptieren, wenn es so gemeint ist)
refusal-warning-blocks = { $warning } ({ $code })
refusal-trial-under-way = Gerade wird schon eine Preisregel ausprobiert; versuchen Sie es danach noch einmal
refusal-trials-of-others = Gerade werden Regeln anderer ausprobiert; versuchen Sie es später noch einmal
refusal-month-too-large = Der Monat ist zu groß zum Ausprobieren: Es hat länger als { $seconds } Sekunden gedauert. Ein Probelauf zeigt, was die gespeicherten Regeln berechnen (tenantry admin bill run --dry-run)
refusal-trial-stopped = Das Ausprobieren wurde abgebrochen: Dieser Server wird beendet
refusal-keys-too-many = Ein Benutzer hat höchstens { $max } API-Schlüssel: Sperren Sie einen, der nicht mehr gebraucht wird
refusal-directory-is-a-file = Das Verzeichnis ist eine Datei, für die es keine Zugangsdaten gibt
refusal-correction-elsewhere = Die Korrektur von { $month } (Version { $version }) für Kunde { $id } steht auf der Rechnung von { $from }: Ziehen Sie erst jene zurück, oder stornieren Sie sie
