"""Words around a number in languages other than English, one table per language; `aha/answers/closings.py` reads sentences with them.

A word belongs to the first row of its language that has it; `*` ends a stem or begins an ending. A word in no row counts as a name or a noun; it takes the
number away if it governs it."""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """The closed word classes of a language. Expressions of several words are listed word by word."""

    against: str  # denials, bounds, conditions, doubts, opinions, comparisons, parts, scales; adjectives of a first or wrong attempt
    has: str  # verbs of having, needing, paying, being left, with any subject
    gives: str  # verbs of being, amounting and calculating, with a known quantity as subject
    names: str  # nouns for such quantities
    who: str  # pronouns
    points: str  # articles, possessives and quantifiers
    leads: str  # words that lead to a conclusion
    light: str  # prepositions, adverbs and adjectives that leave a number as it is
    ends: str = ""  # the part of a verb that stands at the end
    joins: str = ""  # conjunctions such as and
    turns: str = ""  # conjunctions such as but
    order: str = "verb first"  # or "verb last"; "no copula": a place and a count are a sentence; "apart": nouns begin with capitals, so that a small word behind one is a verb


LANGUAGES = {
    "German": Language(
        against="vergessen verschätz* taschenrechner* nicht nie niemals kein* mindestens höchstens etwa ungefähr circa ca rund fast knapp beinahe über unter bis wenn falls ob"
        " würde* hätte* wäre* könnte* sollte* dürfte* müsste* vielleicht wohl angeblich* fälschlich* falsch* dass mehr weniger mal halb*"
        " hälfte viertel drittel prozent* tausend* million* milliarde* mio mrd dutzend* hundert* statt ohne jemand mancher manche viele oder als"
        " welche* wie wer was zwischen plus minus soviel* naiv* scheinbar* vermeintlich* vorläufig* zunächst erst erste* voreilig* flüchtig*"
        " verlockend* geschätzt* schätz* vermut* irrtüm* irrtum* fehler* grob* überschlag* angenommen raten geraten zuviel zuwenig weitere*"
        " doppel* dreifach* quadrat* wurzel laut früher* ursprünglich* eigentlich zuerst anfangs gestern vorher davor glaub* denk* mein*"
        " behaupt* sag* aber doch sondern",
        has="hat haben habe braucht brauchen benötigt benötigen zahlt zahlen bezahlt bezahlen kostet kosten bleiben bleibt verdient verdienen"
        " bekommt bekommen erhält erhalten verkauft verkaufen kauft kaufen isst essen werden wird spart sparen fährt läuft gibt besitzt"
        " schreibt schafft muss müssen dauert wiegt",
        gives="beläuft belaufen vereinfacht ist sind beträgt betragen ergibt ergeben lautet macht machen liefert entspricht",
        names="antwort scheitelpunkt punkt schnittpunkt grenzwert option ergebnis lösung summe differenz produkt gesamtzahl zahl anzahl preis gesamtpreis kosten gesamtkosten betrag endbetrag"
        " gewinn rest fläche umfang länge breite höhe weg strecke entfernung alter gewicht dauer zeit geschwindigkeit durchschnitt wert"
        " mittelwert wahrscheinlichkeit verhältnis gesamtbetrag gesamtsumme gehalt miete monatsrate rate restbetrag anteil bruchteil",
        who="er sie es man wir ich das dies ihm ihr ihnen uns",
        points="der die das den dem des ein eine einen einem einer seine ihre sein seiner ihrer ihren jeder jede jedes jeden jedem alle beide",
        leads="also daher somit damit deshalb folglich demnach insgesamt zusammen schließlich dann nun jetzt so",
        light="in im am an auf bei beim für mit nach pro je von vom aus noch genau nur ende endlich sich heute täglich jährlich monatlich"
        " wöchentlich übrig ganze* gesamte* richtige* korrekte* gesuchte* endgültige* neue* letzte* größte* kleinste* davon dafür hier da"
        " einmal tag monat jahr woche stunde",
        ends="übrig benötigt gebraucht bezahlt bezahlen verkauft gekauft gegessen verdient erhalten bekommen gespart gelaufen gefahren"
        " zurückgelegt zahlen kaufen ausgeben ausgegeben alt lang hoch breit schwer weit zurück gelesen geschrieben gesammelt gemacht",
        joins="und sowie",
        turns="aber",
        order="apart",
    ),
    "French": Language(
        against="ne n' pas jamais aucun* moins plus presque environ près si s'il peut-être que qu' fois demi* moitié tiers quart"
        " cent cents centaine* mille* million* milliard* ou entre quand lorsque serait aurait faux fausse* sans naïf* naïve* pressé* apparent* première premier"
        " s' tentant* hâti* erroné* provisoire approximati* estim* suppos* abord selon sinon quel* combien certains trop autant"
        " double triple pourcent* douzaine* tort mauvais* ancien* initial* précédent* hier avant pourrait devrait semble* rapide* grossi*"
        " pens* croi* croy* dit disent affirme* prétend*",
        has="a compte comptent as ont ai paie paient paye payent reste restent faut coûte coûtent gagne gagnent dépense dépensent reçoit reçoivent doit doivent"
        " vend vendent achète achètent mange mangent économise parcourt possède possèdent mesure pèse dure met mettent prend prennent parcourent",
        gives="est sont vaut valent donne donnent fait font égale obtient obtenons trouve trouvons",
        names="réponse sommet point intervalle équation racine* couple* ensemble solutions valeur* limite option résultat solution somme différence produit total nombre prix coût montant bénéfice reste aire périmètre longueur largeur"
        " hauteur distance âge poids durée temps vitesse moyenne valeur probabilité rapport quotient volume angle",
        who="il elle on ils elles nous je j' ce c' cela ça lui leur qui",
        points="le la l' les un une des son sa ses leur leurs chaque tous toutes mon ma mes cette cet ces",
        leads="donc ainsi alors finalement enfin conclusion par conséquent",
        light="y en au aux à de d' du dans sur avec pour chez se total tout toute encore exactement seulement maintenant fin bonne correcte"
        " finale final recherché* cherché* nouveau nouvelle jour mois an année semaine heure par aujourd' hui juste ensemble désormais",
        joins="et",
        turns="mais",
    ),
    "Spanish": Language(
        against="no nunca ningun* ningún menos más máximo mínimo casi aproximad* unos unas cerca quizá* tal vez veces cien* mil miles millón"
        " millones medi* mitad tercio* cuarto hasta sobre cuando tendría* sería* habría* podría* debería* falso falsa sin según cuánt* algunos"
        " algunas si que primer* ingenu* apresurad* tentador* aparente* errón* equivocad* incorrect* supuest* supon* suposici* estim* provisional"
        " entre doble triple docena* porciento o alrededor demasiad* antes ayer anterior* inicial* parece* creo cree* piens* dice*"
        " dij* afirma* pero sino salvo excepto raíz mal",
        has="tiene tienen tengo tenemos paga pagan pagará pagó queda quedan quedarán necesita necesitan cuesta cuestan gana ganan gasta gastan"
        " recibe reciben hay habrá vende venden compra compran come comen ahorra ahorran debe deben recorre sobran sobra tarda mide pesa usa"
        " faltan falta gastó compró vendió",
        gives="fue fueron era es son da dan resulta vale valen equivale obtenemos obtiene asciende",
        names="respuesta vértice punto intervalo ecuación raíces par conjunto soluciones valores total límite opción resultado solución suma diferencia producto número cantidad precio coste costo importe ganancia beneficio resto área"
        " perímetro longitud anchura altura distancia edad peso duración tiempo velocidad media promedio valor probabilidad razón cociente volumen fracción proporción"
        " ángulo",
        who="él ella ellos ellas yo le les me nos eso esto se lo",
        points="el la los las un una su sus cada mi mis este esta estos estas ambos",
        leads="así entonces luego finalmente conclusión consiguiente por tanto ahora",
        light="de del a al en con para final exactamente solo sólo aún todavía correcta buscado nueva nuevo día mes año semana hora"
        " hoy juntos diarios anuales mensuales",
        joins="y e",
        turns="pero",
    ),
    "Portuguese": Language(
        against="não nunca nenhum* quase mais menos talvez vez vezes cem cento mil milhões milhão meia meio metade terço quarto até se quando teria*"
        " seria* poderia* deveria* errad* incorret* fals* sem segundo quant* primeir* ingênu* ingénu* apressad* tentador* aparente* supost* supon*"
        " suposi* estim* provisóri* aproximad* cerca entre dobro triplo dúzia* porcento ou que antes ontem anterior* inicial* parece* acha* acho"
        " pens* diz* disse* afirma* mas exceto demais pelo mínimo máximo raiz",
        has="tem têm tenho temos necessári* paga pagam pagará pagou resta restam sobra sobram precisa precisam custa custam ganha ganham gasta gastam recebe"
        " recebem há haverá vende vendem compra compram come comem economiza economizam deve devem percorre faltam falta leva mede pesa usa ficou"
        " fica ficam gastou comprou vendeu",
        gives="foi foram era é são dá dão resulta vale valem equivale obtemos totaliza",
        names="resposta vértice ponto intervalo equação soluções raízes par valores total limite opção resultado solução soma diferença produto número quantidade preço custo valor lucro resto área perímetro comprimento largura"
        " altura distância idade peso duração tempo velocidade média probabilidade razão quociente volume ângulo fração proporção",
        who="ele ela eles elas eu nós lhe isso isto",
        points="o a os as um uma seu sua seus suas cada meu minha este esta esse essa ambos",
        leads="portanto logo então assim finalmente conclusão agora",
        light="de do da dos das em no na nos nas com para por final exatamente só apenas ainda correta procurado nova novo dia mês ano"
        " semana hora hoje juntos ao à todo",
        joins="e",
        turns="mas",
    ),
    "Italian": Language(
        against="non mai nessun* almeno meno massimo minimo quasi circa più forse volte volta cento mila mille milion* miliard* mezz* metà terzo"
        " quarto fino che se quando avrebbe* sarebbe* potrebbe* dovrebbe* fals* sbagliat* errat* scorrett* senza secondo prim* ingenu* frettolos*"
        " affrettat* allettant* apparent* presunt* suppon* ipotesi stim* provvisori* approssim* tra fra doppio triplo dozzin* percento o oppure"
        " quant* ieri precedent* inizial* sembr* crede* credo pens* dice* dett* afferma* ma però eccetto troppo radice quadrato",
        has="ha hanno ho abbiamo paga pagano pagherà resta restano rimane rimangono costa costano serve servono guadagna guadagnano spende spendono"
        " riceve ricevono vende vendono compra comprano mangia mangiano risparmia deve devono percorre manca mancano impiega misura pesa usa"
        " possiede ottiene occorrono",
        gives="è sono dà danno vale valgono fa fanno equivale otteniamo risulta ammonta ammontano",
        names="risposta vertice punto intervallo equazione soluzioni radici coppia valori limite opzione risultato soluzione somma differenza prodotto numero quantità prezzo costo importo guadagno resto area perimetro lunghezza"
        " larghezza altezza distanza età peso durata tempo velocità media valore probabilità rapporto quoziente volume angolo totale frazione quota",
        who="lui lei loro egli essa io noi gli le ciò ci c' ne si questo",
        points="il la lo l' i gli le un un' uno una suo sua suoi sue ogni ciascun* mio mia questa questi entrambi",
        leads="quindi dunque perciò pertanto allora infine conclusione così ora",
        light="di del della dell' dei delle a al alla all' in nel nella con per da dal su totale tutto finale esattamente solo ancora corretta giusta"
        " cercato nuova nuovo giorno mese anno settimana ora oggi insieme complessivamente",
        joins="e ed",
        turns="ma però",
    ),
    "Dutch": Language(
        against="vergeten niet geen nooit minstens minimaal maximaal hoogstens ongeveer bijna als misschien meer minder keer procent duizend* miljoen* miljard*"
        " half halve helft derde kwart zonder zou* tussen maar of dan tot dat naïe* schijnbar* overhaast* verleidelijk* fout* verkeerd* onjuist*"
        " vermoed* schat* geschat* gok* voorlopig* eerste eerst honderd* dozijn rond wie wat hoeveel zegt zeg* denk* meen* mening beweer* volgens"
        " te dubbel* plus min wortel eerder gisteren oorspronkelijk* lijkt",
        has="heeft hebben betaalt betalen kost kosten verdient verdienen krijgt krijgen blijven blijft bleven bleef koopt kopen verkoopt eet eten spaart heb"
        " moet moeten zijn worden duurt weegt houdt",
        gives="is zijn bedraagt geeft levert maakt",
        names="antwoord optie uitkomst resultaat oplossing som verschil product aantal prijs totaalprijs kosten bedrag winst rest oppervlakte omtrek lengte"
        " breedte hoogte afstand leeftijd gewicht duur tijd snelheid gemiddelde waarde kans verhouding totaal breuk aandeel",
        who="hij zij ze het er we wij ik dit dat men hem haar hen",
        points="de het een zijn haar hun elke elk ieder iedere beide alle",
        leads="dus daarom totaal uiteindelijk samen nu zo",
        light="in op aan bij voor met na per van uit nog precies slechts dag maand jaar week uur vandaag juiste totale hele gevraagde nieuwe"
        " over totaal zich",
        ends="over nodig betaald betalen gekocht verkocht gegeten verdiend gespaard oud lang hoog",
        joins="en",
        turns="maar",
        order="apart",
    ),
    "Swedish": Language(
        against="inte aldrig ingen inga inget minst högst ungefär cirka nästan om kanske fler mer mindre färre gånger procent tusen miljon* halv* hälften"
        " utan skulle mellan men eller än till att naiv* felaktig* fel gissning* uppskatt* först första skenbar* förhastad* hundra dussin säger tror"
        " tycker påstår enligt dubbelt över under för",
        has="har behöver betalar kostar tjänar får köper säljer äter sparar finns återstår blir måste väger",
        gives="är ger utgör",
        names="svaret svar resultatet summan skillnaden produkten antalet priset kostnaden vinsten resten arean omkretsen längden bredden höjden"
        " avståndet åldern vikten tiden hastigheten medelvärdet värdet sannolikheten",
        who="han hon det de vi jag den man",
        points="en ett den det sin sitt sina varje alla båda",
        leads="alltså därför så slutligen totalt sammanlagt då nu",
        light="i på vid med av per från kvar exakt bara dag månad år vecka timme rätta totala hela sökta nya",
        ends="kvar",
        joins="och",
        turns="men",
        order="apart",
    ),
    "Russian": Language(
        against="не нет ни никогда минимум максимум около почти примерно более менее больше меньше если бы может возможно что раз раза процент* тысяч* тыс"
        " миллион* млн половин* полтор* трет* четверт* без или от свыше якобы сначала чем сколько ошибочн* неверн* неправильн* миллиард* млрд сот*"
        " дюжин* десятк* наивн* поспешн* кажущ* мнимы* предположи* предполож* предвар* первы* перва* первое грубы* оцен* вдвое втрое вчера"
        " раньше прежн* корень квадрат дума* говор* счита* сказа* утвержда* но до ли на",
        has="у всего имеет имеют осталось останется остаётся остается остались нужно потребуется понадобится заплатит платит заплатил заплатила заплатили стоит"
        " стоят получит получил получила получили есть купил купила продал продала съел съела потратил потратила сэкономил заработал заработала"
        " заработает должен должна проехал прошёл прошел весит длится было будет",
        gives="равен равна равно равны составляет составит получается получилось даёт дает это",
        names="доля корень корни корнями решения решениями ответ предел вариант результат сумма разность произведение число количество цена стоимость прибыль остаток площадь периметр длина ширина высота"
        " расстояние путь возраст вес время скорость среднее значение вероятность отношение частное объём объем угол",
        who="он она оно они мы я ему ей им нас него неё нее них это",
        points="его её ее их каждый каждая каждое каждому каждой все оба этот эта",
        leads="значит итак следовательно поэтому тогда итого таким образом наконец теперь",
        light="в во с со из за по к для о итоге ещё еще ровно только правильный верный общий общая общее искомое искомый искомая искомую день месяц год неделю час"
        " вместе сегодня равняется",
        joins="и",
        turns="но",
        order="no copula",
    ),
    "Ukrainian": Language(
        against="не ні ніколи мінімум максимум близько майже приблизно більше менше якщо би б може можливо що раз рази відсот* тисяч* мільйон* половин*"
        " третин* чверт* без або від понад спочатку ніж скільки помилков* неправильн* хибн* наївн* поспішн* удаван* припус* припущ* перш* оцін* вдвічі"
        " каже дума* вважа* але до на",
        has="у всього має мають залишилося залишилось залишиться потрібно знадобиться заплатить платить коштує коштують отримає отримав отримала є купив купила",
        gives="дорівнює становить це виходить",
        names="відповідь результат сума різниця добуток число кількість ціна вартість прибуток остача площа периметр довжина ширина висота відстань"
        " вік вага час швидкість значення ймовірність",
        who="він вона воно вони ми я йому їй їм нього неї них це",
        points="його її їх кожен кожна усі всі",
        leads="отже тому значить разом таким чином нарешті",
        light="в з із за по для ще рівно лише тільки правильна загальна день місяць рік тиждень годину",
        joins="і й та",
        turns="але",
        order="no copula",
    ),
    "Polish": Language(
        against="nie nigdy co najmniej najwyżej około prawie jeśli jeżeli gdyby może więcej mniej razy raz tysi* milion* miliard* pół połow* trzeci* ćwierć"
        " bez lub albo niż żeby by naiwn* pozorn* pospieszn* błędn* mylne mylny mylna kuszą* rzekom* przypuszcz* szacun* szacow* pierwsz* wstępn*"
        " procent* sto setk* tuzin* że czy ile od ponad zbyt podwój* dwukrot* wczoraj wcześniej mówi myśl* sądz* twierdz* ale do na",
        has="ma mają mam zapłaci płaci zapłacił zapłaciła zostało zostanie zostały potrzebuje potrzeba potrzebują kosztuje kosztują zarabia zarobi"
        " otrzyma otrzymają dostanie dostaną kupi kupił kupiła sprzeda jest są musi waży",
        gives="wynosi wynoszą daje równa",
        names="odpowiedź wynik rozwiązanie suma różnica iloczyn liczba ilość cena koszt kwota zysk reszta pole obwód długość szerokość wysokość"
        " odległość wiek waga czas prędkość średnia wartość prawdopodobieństwo ułamek",
        who="on ona ono oni one my ja mu jej im jemu to",
        points="jego ich każdy każda każde wszystkie ten ta",
        leads="więc zatem czyli dlatego ostatecznie łącznie razem wtedy teraz a",
        light="w we z ze za po dla u o sumie jeszcze dokładnie tylko prawidłowa poprawna całkowita całkowity całkowite łączny łączna łączne dzień miesiąc rok tydzień godzinę się",
        joins="i oraz",
        turns="ale",
    ),
    "Czech": Language(
        against="ne není nemá nikdy nejméně nejvýše asi zhruba téměř skoro pokud kdyby možná více méně krát tisíc* milion* půl polovin* bez nebo než že"
        " naivn* zdánliv* ukvapen* chybn* nesprávn* odhad* první procent* kolik přes by myslí říká tvrdí ale do na",
        has="má mají zaplatí platí zůstane zbývá zbylo zbude potřebuje stojí dostane koupí vydělá je jsou",
        gives="činí dává rovná",
        names="odpověď výsledek řešení součet rozdíl součin počet číslo cena částka zisk zbytek obsah obvod délka šířka výška vzdálenost věk čas rychlost",
        who="on ona ono oni my já mu jí jim to",
        points="jeho její jejich každý každá všechny",
        leads="tedy proto takže celkem nakonec dohromady pak",
        light="v ve z ze za po pro u ještě přesně jen správná celková den měsíc rok týden hodinu se",
        joins="a",
        turns="ale",
    ),
    "Romanian": Language(
        against="nu niciodată minim minimum maxim puțin mult aproximativ circa aproape dacă poate ori mii milion* jumătate fără sau decât că naiv* pripit*"
        " greșit* estim* presupu* prim* aparent* sută procente câte peste între ar crede spune dar până",
        has="are au plătește plătesc rămân rămâne costă câștigă primește cumpără vinde trebuie mai",
        gives="este e sunt dă",
        names="răspunsul rezultatul suma diferența produsul numărul prețul costul valoarea profitul restul aria perimetrul lungimea distanța vârsta timpul",
        who="el ea ei ele noi eu îi i",
        points="un o fiecare toți toate",
        leads="deci așadar prin urmare astfel total atunci",
        light="în de la cu pe pentru din exact doar zi lună an săptămână oră corect final încă",
        joins="și",
        turns="dar",
    ),
    "Turkish": Language(
        against="değil en yaklaşık eğer belki kat milyon* bin binlerce yarım yarısı yüzde az fazla çok daha yok neredeyse saf* yanlış* hatalı* aceleci* ilk"
        " görünürde sözde tahmin* sanı* düşün* söylü* diyor veya ya kadar ise olsaydı olabilir yüz düzine sanki dün önce ama *maz *mez *mıyor *miyor *muyor *müyor *madı *medi",
        has="olur olacak kaldı kalır kalıyor var vardır öder ödedi ödeyecek gerekir gerekiyor kazanır kazanıyor kazandı aldı alır harcar harcadı sahiptir sahip ödemelidir",
        gives="eder ediyor yapar",
        names="cevap yanıt sonuç toplam fark çarpım sayı fiyat tutar",
        who="o onlar biz ben ona",
        points="bir her bu",
        leads="yani öyleyse böylece sonuçta sonunda dolayısıyla demek ki toplamda artık",
        light="için ile geriye elinde toplam tam sadece şimdi günde ayda yılda haftada saatte doğru kalan",
        joins="ve",
        turns="ama",
        order="verb last",
    ),
    "Vietnamese": Language(
        against="không chưa ít nhất khoảng gần nếu thể hơn lần nghìn ngàn triệu phần trăm nửa hoặc tối dưới trên rằng nghĩ ngây sai vội đoán ước tưởng nhầm giả"
        " đầu hay hỏi mấy bao tá gấp nói nhưng",
        has="còn có cần trả mua bán được kiếm nhận tốn mất phải",
        gives="là bằng",
        names="đáp án số kết quả tổng hiệu tích giá tiền câu lời",
        who="cô anh ấy họ bạn chúng ta nó chị em ông bà",
        points="mỗi các những cả",
        leads="vậy do đó nên tóm lại cuối cùng như thế",
        light="lại tổng cộng tất cả ở trong với mỗi ngày tháng năm tuần giờ đúng",
        joins="và",
        turns="nhưng",
    ),
    "Indonesian": Language(
        against="tidak bukan tanpa minimal maksimal paling sekitar hampir kira jika kalau mungkin lebih kurang kali persen ribu juta setengah separuh atau"
        " bahwa belum naif salah keliru tergesa* dugaan tebakan perkiraan pertama awalnya seolah sepertinya berapa antara sedikit banyak kata* pikir*"
        " bilang tetapi tapi daripada lusin ratus",
        has="memiliki punya mempunyai membayar membutuhkan tersisa mendapat mendapatkan membeli menjual menghasilkan menghabiskan ada perlu tinggal menerima",
        gives="adalah ialah sama menjadi",
        names="uang kembalian kembaliannya jawaban jawabannya hasil hasilnya jumlah jumlahnya selisih total harga biaya sisa sisanya luas keliling panjang lebar tinggi jarak umur",
        who="dia ia mereka kami kita saya",
        points="setiap semua itu ini",
        leads="jadi maka sehingga akhirnya dengan demikian oleh karena totalnya sekarang",
        light="di pada untuk dari dengan per masih tepat hanya hari bulan tahun minggu jam benar",
        joins="dan",
        turns="tetapi tapi",
    ),
    "Swahili": Language(
        against="si sio siyo angalau karibu kama labda zaidi mara asilimia elfu milioni nusu hana hawana haitaji hapana kwanza lisilo isiyo yasiyo zisizo kosa makosa kukisia inaonekana"
        " dhana robo bila au kuliko chini juu ikiwa anasema anafikiri anadhani lakini mia",
        has="ana wana alipata analipa atalipa anahitaji wanahitaji anapata zimebaki yamebaki imebaki wamebaki inagharimu zinabaki anabaki amebaki ataokoa"
        " hupata hulipa alinunua anauza",
        gives="ni sawa",
        names="jibu jumla tofauti idadi bei gharama faida",
        who="yeye wao sisi mimi",
        points="kila wote zote yote yake wake",
        leads="hivyo kwa kwahiyo basi mwishowe hiyo sasa",
        light="ya za la na kwa jumla tu sahihi siku mwezi mwaka wiki saa katika",
        joins="na",
        turns="lakini",
    ),
    "Arabic": Language(
        against="لا ليس ليست لم لن غير أقل أكثر الأقل الأكثر حوالي تقريبا تقريباً إذا لو ربما نصف ثلث ربع ألف مليون مئة بالمئة أو خطأ خاطئ* ساذج* أولي* تقدير*"
        " ظاهر* يظن يعتقد يقول قد ضعف مرات دون لكن",
        has="لدى يوجد توجد لديهما لديها لديه لديهم بقي يبقى يتبقى تبقى يدفع تدفع يحتاج تحتاج يكلف تكلف يربح تربح عنده عندها معه معها",
        gives="هو هي يساوي تساوي يبلغ تبلغ",
        names="الجواب الإجابة النتيجة المجموع الفرق العدد السعر التكلفة المساحة المسافة",
        who="هو هي هم هن نحن",
        points="كل جميع",
        leads="إذن لذا لذلك وبالتالي بالتالي فإن وهكذا",
        light="معًا معا النهاية من في إلى على مع إجمالي النهائي الصحيح فقط بالضبط الصحيحة النهائية",
        joins="و",
    ),
    "Hindi": Language(
        against="अधिकतम न्यूनतम नहीं न कम अधिक ज़्यादा ज्यादा लगभग करीब क़रीब यदि अगर शायद आधा आधे हज़ार हजार लाख करोड़ सौ प्रतिशत या गलत ग़लत भोला पहला पहली अनुमान* अनुमानित लगता"
        " कहता कहती सोचता सोचती मानता गुना दर्जन लेकिन कि",
        has="हैं है बचे बचेंगे बचते बचता बची होंगे होगा होते देगा देगी देता देती चाहिए",
        gives="",
        names="उत्तर योग अंतर कुल संख्या मूल्य",
        who="वह वे उसके उसने उसे उनके हम मैं",
        points="प्रत्येक हर",
        leads="इसलिए अतः तो इस प्रकार अब",
        light="पास के में को से का की ने कुल केवल अब",
        joins="और",
        order="verb last",
    ),
}

ENGLISH = frozenset(  # a sentence with at least as many of these is English
    """the an of to in is are was were be been has have had do does did and or but not no never maybe perhaps almost nearly about around only just
    that this these those it he she they we you i there here his her their its our my who which what how with for from by at on as if so thus then
    than all each every more less most least would could should may might can will""".split()
)
ONLY_ENGLISH = ENGLISH - {word for language in LANGUAGES.values() for row in language[:-1] for word in row.split()}

PHRASES = (  # phrases with a word that has another meaning alone
    (r"(?i)\bzu (?:viele?|wenige?|hoch|niedrig|groß|klein|lang|kurz|teuer)\b", "mehr"),
    (r"(?i)\b(?:de|du) plus (?:haut|grand|petit|bas)\b", "de"),
    (r"(?i)\b(?:al cuadrado|ao quadrado)\b", "menos"),
    (r"(?i)\b(?:por (?:lo )?tanto|por consiguiente|por eso|por isso|así que|por lo que|de modo que|de manera que)\b", "entonces"),
    (r"(?i)\b(?:c['’]est pourquoi|ce qui fait que)\b", "donc"),
    (r"(?i)\bn(?:e |['’])([^\W\d_]+) qu(?:e |['’])", r"\1 "),  # ne … que means only
    (r"(?i)\bcâu trả lời\b", "đáp án"),
    (r"(?i)\bna końcu\b", "ostatecznie"),
    (r"(?i)\btill slut\b", "alltså"),
    (
        (
            r"(?i)\b(?:je (?:pense|crois) que|ich (?:denke|glaube|meine),?(?: dass)?|(?:yo )?(?:creo|pienso) que|(?:eu )?(?:acho|penso) que"
            r"|(?:io )?(?:credo|penso) che|я (?:думаю|считаю),? что|ik denk dat|jag tror att|myślę,? że)\b"
        ),
        "",
    ),
)
NEGATIONS = frozenset(  # negations in languages without a table, used for boxes
    """δεν όχι μη μην אינה אינם איננו nem nincs ikke ej ei eivät eikä ole pole nije není neni nu nav nėra ekki nuk nie niet não nicht pas non nekā ikkje hindi siyo sio לא אינו
    نیست نہیں নয় না இல்லை కాదు არ չէ не""".split()
)
NAMELY = "à savoir|c'est-à-dire|nämlich|es decir|a saber|ou seja|cioè|ossia|namelijk|а именно|то есть|mianowicie|tức là|yaitu|yani"
NOT_AFTER = "e non|y no|et non|und nicht|en niet|e não|non|no|nicht|pas|não|niet|inte|а не|не|a nie|nie|ne"  # "8, non 9"
CHECKS = (  # names of a check at the end of a reply
    "check|checking|quick check|sanity check|verification|verify|probe|vérification|comprobación|verificação|verifica|проверка|controle"
    "|sprawdzenie|kontrol|检验|验算|検算|검산"
)
FAILS = (  # words of a failed check
    r"not|wrong|incorrect|false|fails?|failed|but|however|should|instead|mistake|error|off|contradict\w*|neither|never|nicht|falsch"
    r"|faux|falso|errado|no"
)
FAILS_IN_PART = "[≠✗✘❌×]\\s*$|❌|✗|✘|不|错|误|誤|違|틀|아니|не\\b|неверно"
TAKES_BACK = (  # sentences that take back what stands before them
    r"等等|等一下|不对|不對|搞错|算错|弄错|我错了|漏掉|漏了|待って|間違え|間違い(?:です|でし)|잠깐|아니[,.]|틀렸|실수|стойте|подожд|нет,|ошиб|неверн"
    r"|\b(?:moment mal|halt,|stimmt nicht|das ist falsch|ich habe (?:mich )?\w{0,12}(?: \w+)? (?:vergessen|verrechnet|geirrt)|irrtum"
    r"|attendez|je me (?:suis )?tromp\w*|c['’]est faux|j['’]ai oublié|espera\b|me equivoqu\w+|está mal|es incorrect\w|olvidé|esper[ae]\b"
    r"|me enganei|está errad\w|esqueci|aspetta|mi sono sbagliat\w|è sbagliat\w|ho dimenticato)"
)
CORRECTS = (  # words that put another value in the place of the one before
    "anzi|aspetta|espera|en realidad|mejor dicho|en fait|attends|(?:ou )?plutôt|besser gesagt|genauer gesagt|doch nicht|вернее|точнее"
    "|na verdade|ou melhor|eigenlijk|właściwie|aslında|à vrai dire"
    r"|(?:nein|нет|nee|hayır|no|não|non|nie|pardon|perdón|scusa)(?=[,.:!…—–])"
)
ERRATA = "edit|erratum|correction|corrigendum|corrected (?:answer|result)|korrektur|corrección|修正|更正"
IS = "è|es|son|ist|sind|c['’]est|est|это|é|são|sono|het is|to"
CONTRASTS = (  # the verb with its denial before and behind it, and "but": the value between them is not the answer
    ("", r"\b(?:is|are|was|were)", r"(?: not|n['’]t)", r"but (?:rather |instead )?"),
    ("", r"\b(?:ist|sind|beträgt)", " nicht", "sondern "),
    (r"\bn['’]", "est", " pas", "mais "),
    (r"\bno ", "es|son", "", "sino "),
    (r"\bnon ", "è", "", "ma "),
    (r"\bnão ", "é", "", "mas (?:sim )?"),
    (r"\bне ", "равен|равно|равна", "", "а "),
)
