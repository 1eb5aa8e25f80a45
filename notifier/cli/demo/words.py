"""What the people of the demo write: in several languages, with what breaks careless templates among it."""

TITLES = (
    "Sunset over the harbour",
    "Sonntagsfrühstück",
    "京都の秋",
    "My first sourdough",
    "Balade à vélo",
    "Día de mercado",
    "قهوة الصباح",
    "Nowy rower",
    "Monsoon clouds",
    "Boğazda vapur",
    "Midsommar ☀️",
    "Вечірнє місто",
    "La nonna's ragù & <secret> sauce",
    "제주도 바다",
    "Fim de tarde na praia",
    "Tulpen, tulpen, tulpen",
)

COMMENTS = (
    "What a sky!",
    "This made my day 😍",
    "Wo ist das? Da will ich auch hin!",
    "Wunderschön. Mehr davon, bitte.",
    "すてきな写真ですね！",
    "C'est magnifique, où as-tu pris ça ?",
    "¡Qué maravilla! ¿Me pasas la receta?",
    "Que saudade desse lugar…",
    "ما أجمل هذا المكان!",
    "Pięknie! Kiedy jedziemy razem?",
    "Як гарно, аж захотілося туди.",
    "好漂亮！在哪里拍的？",
    "Harika olmuş, ellerine sağlık.",
    "Che meraviglia, bravissima!",
    "אין מילים, פשוט יפה",
    "정말 예쁘네요 🌊",
    'I <3 this & I\'d like a print. "Large", please!',
    "Two things:\n\n1. I am jealous.\n2. When do we go?",
    (
        "Such light. I tried the same spot last week and got nothing but fog, a wet lens and a cold; so either you "
        "know something about that hill that I don't, or you were simply up four hours earlier than I was. Teach me!"
    ),
    "👏👏👏",
)

REPLIES = (
    "Exactly what I thought!",
    "Genau das wollte ich auch schreiben.",
    "Tout à fait d'accord.",
    "Jajaja, totalmente.",
    "わかります！",
    "No way, me too 😂",
    "صحيح تماماً",
    "Concordo!",
)

MENTIONS = (
    "{name}, look at this!",
    "Who else but {name} would find this café?",
    "Das hier ist für dich, {name} 🎁",
    "{name}, tu viens samedi ?",
    "{name}さん、これ見て！",
    "¿Te acuerdas, {name}?",
    "With {name} at the very top. Never again (see you next week).",
)
