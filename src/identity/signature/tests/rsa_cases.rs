//! RSA signatures over `airgate`, good and bent, made once with OpenSSL and a
//! key that was thrown away.

use crate::algorithm::Algorithm;

pub(super) const MODULUS: &str = "mR0k3gy5sIgGfmzt5hB2l1caSNeMSDR7WpYfXxGOPXUMDypW0Dd9gOG0FOSxlnqZdcMyNjmsAn6TTh938MGqZ-JGMdL3z8bly6Fq-M_0FzYJtVTPwW\
    aQE1A06e8i24pU0Curm2ZEzySvMtxge30ppmnCUXtJ9-Mv_bnBCHdS9k49O4Dd8-1fkfnWffVUK5iClfSnPN8ySL51YRmKVpgXbBZoZGHDIyLghCbV\
    opku7MocfMJVrP2S_ylz-yzgn7u6hUJL51bTYkU1wwxZLiow3lgWW2WG7QgjfNkVY3Id-vEzcGCQdy-DFbSnd-nnz8YwFavJxnCuT3EDl6g3MWicMw";

/// What is wrong with it, the algorithm asked for, the signature, the verdict.
pub(super) const CASES: &[(&str, Algorithm, &str, bool)] = &[
    (
        "good",
        Algorithm::RS256,
        "lpO9v9N2DU75MZsVYNkyQ32NJOLNz5DFPaV0bjwWIR_Zc53BfRcXihxByW1boqvDG-F-uOPvNfaCsRUlb0sharhYl-DUS9Qw1VANzjObYAtNAi\
        eCY8I6ZBX9KJyJaE-6PS4HW0G3-YklS8-sz92LFbnA_2FV0n7QLtdUqOEnN5DSbPFNA-JsiFUSFeRorMl1jz8x3zfhp4yHeorTXmp3BxBskZt8\
        zqTUmwlrkT1ziIiUqfsybiMmy9o4Ua6YOMyYzNzj52UFrWegVC1RLLuTffkjGDTiDaBn81oTOExJPHntMMV6WVqQPo7EhOA3JEzrhZvsqpmPTo\
        4-0lbqrxWrEQ",
        true,
    ),
    (
        "no digest identifier",
        Algorithm::RS256,
        "MyI1h3tsBMHmsrsApZvEjmqNDAjIPEHLjKlP3XBgx5ys0KmrQ1xRwct3gQctCj-N0-SFmUB07TycDLiwGZMZbvYdbAv3E3JvFQyRMD-lsKVQCc\
        gmLGc9b-a2f8l0HoScD16P_ACkl94hAnUtsl3CaumEfBXoz-Tfe51K2CasCA4sx9YbtmRFeQBFspTM-9dgZmym9c4ujTQRlZxF2o1qqJrA_eHF\
        R93uArodCF3JhLQK0XzcTZYRWZAbDEhPzqbZ5O1PcwUg0HgpmBA5XimQAUEaGjXjWPbKlLibjOZ9-WkshG5FLUT-eU2vAMK6M2UomKmYwFZMEH\
        0LRRJHPaiA8g",
        false,
    ),
    (
        "digest identifier without its NULL",
        Algorithm::RS256,
        "Vh6E0-PERwk7IVbU9HfZrwtz32ROBzOgqPpYYEPWLUHeBCXuaUISrA2C_8vlgHfBCirHcJBGTy5ur8V3MnQV3314A0J0SxL6jSAADp3gr_wMNg\
        KZdDUSf7ppEQa1qUxNhy1otZOAVd9JxIBPSbERdKGckilMT-uH9x5VDjJcld_LsHAYPIT1xlqgMr0mA-osxdET1FeZ2dkIHahaog4UQhXTYLh8\
        w-T3rxkcdcUNjZ12___GZ069B1foYlWQjSS_Ci6tFdUvrbHElHAcDE2L-ql40Wrns4dBlkDcdb5hD8qC5D_9zequ3KEBjnWcv2rOVCQOV-hQFm\
        TTAnlvNfjsCQ",
        false,
    ),
    (
        "digest identifier with a BER length",
        Algorithm::RS256,
        "CjWoqrROpiP6U3Fops8stRnKgjXd82ZxNFowV7Z8l1xMyd5kJMw-XmHXFotau08xNC8EWYJA90w5TS5BUReuTnIutAPrOhnikKEPjApITZJENf\
        ZsjzTnoYBP8tca7-YeVEqTQOulxFVgk_QJpeGbzA2RYdRygDAfwg9BJxTNY-NRgj0t2qF1LoaXQwsr8TcXkq7p3-kbGbLT-MN2_YnL0oHWGSWq\
        3q27vtwuZmnux0f_4hoDhuOp490_uFOx5GrMMrWZFyzMhiDuosg_7EXOTyhYpShzdgSGo-lht2mVEc_c7An4vvEgkekFnyPUuJ6eP-VfOTt9vP\
        7_4xfUC2SVBw",
        false,
    ),
    (
        "garbage behind the hash (Bleichenbacher 2006)",
        Algorithm::RS256,
        "GAMI17L2Y2ZcX1R9CzM51LcK8b9chcgBDp430YMIkODUSYa08P1udw1MraBY47KlsIHXPuWonmnoZKLYJ_vYjLcmKWjJN1tnd90gOp_PkMzYuw\
        R3l-hX86HcX7XO4zpwP9_n6_hJnCFDFyXsmIbXorDwb45GGSUcTZJvPzfEUKU5EwVIo7vFG8uQ5vbWaOgqVfhba64jW-eWkwOP9Lw_VqdCMCsr\
        1j21m1PHRnm5-vQUvkWMxYdEutGbWp_UpJxwkmsbY8BYJDVR5LCbuwPWCdYHigcgIvJSiMYFNatEaZMuCbAGj1Ua7zKclg_6dGzJHs7h68OG0f\
        RqwK599Zs6jA",
        false,
    ),
    (
        "garbage in the padding",
        Algorithm::RS256,
        "Uwg7jpeWhQYCDV0TzYoEFkHGY_eWtAYTPeuzY0cb6AI3LnRc6g2ukYazyavImYlabsrFm6rCRfU5OIw3Bnd7MVrPXzfwBfKbbENObnIOdQMKOO\
        d2qYz4SK72RvbZ8R9qJDBbi4Fw4y9pB3uzVjZ0henyF73P-ItWKFNj3nfgZgrxaSh2oew3gn9bIYdBBuQCWLHZPNUekL4zVZPi7j7GB_8fQzFS\
        c7n2Arc4UA6mS6WbhhTm_8ZJg1uB6DmlAPbTFbSGtPdVgPVCz3jibW-mOsIx3eQ-kd44o49MzCaGtGszzkAns2G5jVgWoc0gFv3RArrJQtCfs8\
        zD_Jk5phIzJg",
        false,
    ),
    (
        "block type 2",
        Algorithm::RS256,
        "RX2dXbHueCA2Q_C0TxeudWrS_kUkokpiQ5LIRhJ-KXwVmprx4uo7D8138L9G1YvD5w-wHhFxqM5Q2bcIJlSrNqEBvHGzlYH7ApaXflaG0GLCED\
        StHW0-IngDk8W8r4s_b1AG3xw8AvEyYXr8ItL7sKlei_Sr6d6UMPHjMOiOe8trOpYtCRnjmw5o-5Avlo_eOqMTPJ63BPDPYSe7Zz651hzCzIzI\
        CZ5R3P2IZDKbItV-zB-wyG1bTRJZa37HdXp_0kSjB7q37hicX0zQYyyypAmCOA5DpLA5xDvc0BlH3B4wVLEtRVCvSA99rVp1Wtlzsne97ot5aq\
        i6eymfKuCOpQ",
        false,
    ),
    (
        "block type 0",
        Algorithm::RS256,
        "Ywq3ckli7tsgqr1EwBO_UdF5RxaFnet19fy5KlZGEtK_3I0OGqy5Exqp-9nv1UI-jvVTOz0eFlmn5ZSD_bZFRznkzfQTFLuekqRr0OIUOxwu4f\
        gpyEZ-PAq43iBUZHF0E93ReAahIFZtwswh4QurbC7z7tznQZ_yYfjFfbxTkXXLm7pKuXhbGg0oQlivY9Qaw3F-2UViXZ8tongdgZE8IiYl7x4C\
        gsvMO1VxJNbxRaecWEFCm_NQ5og8ci5Ky7DvY235ubT7-HbvyuvXZMevTqYIjV1IPAdfLgji--EVDz1JyxGWYeNVuyY6n1ciF99Y_v8poHMLRy\
        7uSiYRkzfX9Q",
        false,
    ),
    (
        "SHA-1 inside",
        Algorithm::RS256,
        "OE9TodMDPl3TMJCpcjL2FFanAvXj6S3K0HfLJmgssvESDzpJeHfj0ET0QIdlY6eSG43IsAslpTMSUxNf39eJg-7HSI-xWzq1rYJO9prP8AqyP6\
        YOoSZdcr-GW_x55H-ZrHC5LOqYbooCrZ53Sj2QrqN_VznoPNIKNRJRx5gHVXc_G2nglsmbwZ5h504oC7vbEjCC0EALGp73yWC18sY_8xyspgj-\
        zyLp1qKybEgJGMcPDJ5T5VpRDE8CkfSfoZg3NYVYmdH8lDnajjrd1PvP6HOS-VYLXW0yviRVg6GjeDzkOFoeOedTyXTsJcNo2cDUWc36-NVXpv\
        C-JzGs77E2zQ",
        false,
    ),
    (
        "SHA-512 inside",
        Algorithm::RS256,
        "kpT2q7FQzyuBhuW3iOF3AsodLkHvJZSkh6qfE9hvQ5ix5evQvW8iifUM5TVulZWs1Xq52n1YjDoVFuBWBXJxztQ1i7UX9zZKnfYz0k-wYEK626\
        RCsBSVE5nWERLKIEEiwufoIw6zjxRY8ANjsb2O2V7HNPnLaB-fU_zW0J4kZFeZCHGDa6D8aBdA9gWteggdYeK3P76VA0pRElUesbw8Xf5A2x57\
        Yx42BuX4b-dEBnQ_RlSYcr5g3HDjaAMVgTrbX-p0kwEonIoY6tQ64pp-f6IZnWgou8KXcYwCpDPqLhsXt-loTXTfpz6vlQD0Anz9VCkPegv8KK\
        iHxa4T7Cs4JA",
        false,
    ),
    (
        "SHA-512's name on a SHA-256 hash",
        Algorithm::RS256,
        "Z2eL33L15qOgvXIC4Xy00wQgwOPvACacBS-DV2m9IEEwu8E3aycjuxLfNiYbBWCNwjgOnOknY6PcIqTmXRe8V411V2cxT52Q0QaCGZDdDgumzu\
        nWs30RCREvZyNUSPUEO0I2zvtH2uYGkj0sLezDHMDD6n8Wf7J5R4dBMXgb0-fLk5WhHVuAToUP9bkMJ_KnVUa0xA0oXFc6Is87Pv7mevJjZyup\
        jvIZTQHUbxE7GOfAQ7qMQz80sLCuDMtOLfzwtaxfFNU3ftnl9eED7rhFNFixEdh6JoGMbkIlG7k8ZFy06hB4dCqfwiHbZEdjyVCFQq0v8Ifx5_\
        s2zaG4PFiLbg",
        false,
    ),
    (
        "RS256 called PS256",
        Algorithm::PS256,
        "lpO9v9N2DU75MZsVYNkyQ32NJOLNz5DFPaV0bjwWIR_Zc53BfRcXihxByW1boqvDG-F-uOPvNfaCsRUlb0sharhYl-DUS9Qw1VANzjObYAtNAi\
        eCY8I6ZBX9KJyJaE-6PS4HW0G3-YklS8-sz92LFbnA_2FV0n7QLtdUqOEnN5DSbPFNA-JsiFUSFeRorMl1jz8x3zfhp4yHeorTXmp3BxBskZt8\
        zqTUmwlrkT1ziIiUqfsybiMmy9o4Ua6YOMyYzNzj52UFrWegVC1RLLuTffkjGDTiDaBn81oTOExJPHntMMV6WVqQPo7EhOA3JEzrhZvsqpmPTo\
        4-0lbqrxWrEQ",
        false,
    ),
    (
        "good",
        Algorithm::PS256,
        "K-aNcFnZgB5l6JWGZbhi24XdyeDr6CZ--XHBU-InTATyxzcNNT6j1gX-_P9iiLLaf0NhdDEfPFtldyMmXtRLziFCu0MURBxv4faSYei6_kfiwb\
        0R6SI7dYCO5Hpxbx6kgFLFCvWnK668-MhjdWIlray0z_x7pQMgYIv3KOrH7iR_gJfI5eYBtIExbNlap6SdCVqds8txjg27TVzmU2l6GynuhAol\
        Lc7xcLjmZoZG_qFtER2wm0rF7YwQQQ3_9wKdRdjRAypOx7nNhydkYIQnR1znKKM02fEf5QUcFJ7E2xYTi2tzQdnSwLLpP3gSGfHkrQwsSWMcuN\
        5VMK0TpEWLDA",
        true,
    ),
    (
        "good, made by hand",
        Algorithm::PS256,
        "Mat_jnEaG8GSwnPT9XuvaqZQbGmupxRMfATX-n2LfqKGKw8x0wWt5dncNeCCw5QiFRgLfcXrEo2-RbjQpfFHMBWdkw-Ltzc8_NhgDNy6K4ur7d\
        6ITOfl7cHVAyMNWwlIKFVte1NN9VzLEfz_1VrATAlGHVZ4V69PpOTJffJKJzQ55yPnEPKZcgETo_A36h42b_5PkPUb4pKaLx-drWLsbiMVFsuQ\
        F5cUqMvrvHqH2cJe3Z4gEbFSR3VXEp0RopIQOCrAAo89bgYsu30eRekLROCgY0eTuVhGHyhxezuY4m0eYmwikFMH0YR1IlqTNQb3VlRRP0wF4W\
        33CWvMU1y4LA",
        true,
    ),
    (
        "good",
        Algorithm::PS384,
        "iLJ3NbFe_v2y8lyZp6x7vbbt1aNk8Ny0yg3yWSZIsdcAKFFkIXQx1OPFswlzQRIscrl-YWnTNmZaycPhWk3fTKZfLPezQq84Jd8OcTUWLrNn6w\
        p7sj3AeLP15Gx2wNrs2ARzJXdIohA1cfonyMApkZ8OkS_xaezfvJFnnVI_KTpHYDoS0acejaks3fJZ5-CoaWRUM9NM4foFlxlqcD16k8gdppI7\
        cB9n_eET9nsSnbgwF-ESWaJJd4LiOu8IQjefvu8jmSM-9UXlKXCfgVFda8kACc1d8rzKZCLMTlau1AfTPt8iDuKOA3gYK85XDTm9n2GhD_XH1B\
        YorRJDtLhTlw",
        true,
    ),
    (
        "good",
        Algorithm::PS512,
        "O-zwPva-FCzFb5jvKPNLfnInEADQtMVodtC6u6ptKJfHcv-lpTk-XWUUGL6p38f0U_ScuGA5OKfvV2Gk_ENyJyLEitrc5Jk8ptu2odoPfaYxZK\
        QvkI22-3E9PvJkYxTiDOlNhhYy8flXIXTBqSEfUWUHiBam9vw1jPq3O4R7M1UCljWdiwZ3E8RMGVmMHfi43c1gHj0Mj2Z1aOEq76KmKrw8jLAY\
        iGcXbT7QmmZobxZLcLxZEtBiY4hXFPSkXbPgz2X3UmMOE-HDNqwL2uzdgU1box-_zFbRzOnUKqNcN8sku_2iUF6c9PW5pprW9dAzIeH5azVkiL\
        6201ylrSZrsw",
        true,
    ),
    (
        "no salt",
        Algorithm::PS256,
        "j57gfv2KDuDh8v12H9y4mUUWrs5BBVh6dGMHkJXzrEXf3VS80xI_bstDCtx38XzUS_34hUSU5oQrQpOLC_d9Mc6bBLu8A8NWIUAOGHQDn3vO8L\
        sVGfAFp3HjBN9e-Vei6itFmQlyNXpfYvOrUaOju9jTSYiIuEzZZerIK4rdxzGZEp-u3k3pOIo_ZjvpcK7tXSNUjsefwI0vnYyS_jDiXp17ufdl\
        fbV6mK0GJkYIO-mUUFYTZz5C65u0Bgn4Qyg4oJRen8Un1v3rgx6W5xaFp-mIr2adv8ZUJf3cnrXnXD-ppkOJfPHaiYcphmRxjX8VUNonIGQ2x4\
        aIt0lEuVkgvA",
        false,
    ),
    (
        "salt of 20 bytes",
        Algorithm::PS256,
        "D7PlrickzsJCFXe88oWwAF9VGKSz7hzfkGR47k9Z8O5G1pzlTpwwwny-rLQDxVC_BDfFoQjlfuvsV2ck1A7CSJgUIaksW1DGBuxOnJovDd3t2-\
        JahoyuAd1AHGJgI6i8vO_TrPUePEBxkThx_o9LE9dW2ySEcftvV_UU6bR5ij8mYeXZ3Crqv43JwzhvRJRwc49wuMgJRaMSnfZsNM_oz52HbYgv\
        __DjLw3Opku0z7kkeiXIsqL6ug36X_bu-1XHJbNuBrfYKpJjN9CDh0rAO06trWH5lCYo3LL7njVPRwgJvI1ch4A98A0DXRbuXdNHHGGr1RQbS8\
        KbzG0UEWbPaA",
        false,
    ),
    (
        "the longest salt",
        Algorithm::PS256,
        "fqU9vk6dwttO1cf5UsSO-r2BWtmUkX5b_lIv9bBnHcKNAMOMt9fqnMLxqESONK8z7uE37FJR5oTtpcG4VVVg61hsCQb40DAMshd922Y6i5eUKH\
        ROsFFy0uuBFi_Wy1MQlEdpDWP273l0EbLJSXakJEw35Vo2VzesCWiHNEvAbpxnkj0QWjR-UM-8Z0oLAyMIkDNtkJQv-V6_F7EalO8NysF7FLO0\
        eP0RbGu9cjj4C1RVwHZNqZ5MderBikTapc2OP2XQC8ETJuU1eVaIsCH1kHx8H1kc4V7RbNm0d2YBQ5J-gJjTX7eMKSAwt27n7nr86lmkq2qYdb\
        CLEJ3-gTV-lQ",
        false,
    ),
    (
        "MGF1 with SHA-1",
        Algorithm::PS256,
        "U8vV_tC2qRA3upQ0zDoU366qgQTcxYFNwiNjoHFtgnmBKAFr-yM-PWYDG8adek6duRzxgr1qJpgJfrpwCk0-uSVZA8qH8oOXI2uROtKTmf4JCn\
        XnGQbiotGTXxItz86rKwvtZmhu5HX6KK0125fyPRdxt4d1sDB1p_uLxRKYAZ2-m1uVAZugZgXvbWyYkXfOJt-jcLaG80JhgaqltsoO0agJwa-8\
        EslbSdy894jnW4wzEjxBq9qAn1D8r41lRqFUnneLXymbiF1siiZ5xTz_skGZoKYOGP2arlE4C_ViZi0bNvEGpxR9OAWOFnYqFFlZuaFEBOXkUw\
        flSohn2z--aA",
        false,
    ),
    (
        "MGF1 with SHA-512",
        Algorithm::PS256,
        "UCEOb5gRRlz_zS9TNNeUl1D26vW0yweI5aZ1yJ3H8D2uY5hxmZv_9EsxzaDJ8JBLAhI5La9YPZmQ900SKLXQ4m4bSoUerLVBSLixzt9_TMZqnD\
        1MJ1j6CBSCehzKdEmMmcXFglfZCkHDKSCioNlalseRQRLRWy2eH3tAqBz4JWdg6W81fGdQdsuz2zupfsp8AqAKDoE4VIznLXoFH6z5RbrOwZw_\
        wWAMcZ6nfwrrADH7zJk_yB6mjbBhvwyZgrcXqj3G9wIvTb6OSESmse0nER5L0EUFEHDBWuG32_olIsFo1MbLn8Dm9_vAFjgIWsCpQs36vEztmz\
        yn8grcqklSnw",
        false,
    ),
    (
        "SHA-384 with a salt of 32",
        Algorithm::PS256,
        "MT7SYzzf4_RP65qta9Xha2pF-L5KsJ8PAXKVepm9F2yoVJbXJ9uIT0CsKydneK2H8QwprtWED2rsazkLcFl8xYXYJ9uZX4j9r4EqTxaTIlUgSe\
        gfV5ljaT9tFBxfn9at-oX12zDGwzW_47eZB0rzgEA4m1pA7IfG2diEkRzId0GYj05uxqICSd33ftr-ZxzBFokAwQkfxWb7nBa3zzSPucr7TSlt\
        80iwLgabb60CTbhWlCep4uBHCGI2x9nuaX4DssiHAz6XlaXFsTuBNEbVU-HlP4omCNdC_elSfZAJdSSuri0tTJ_-h3fDGBJmmj8cx6f5555L5i\
        sO6wG5hZC0TQ",
        false,
    ),
    (
        "trailer of another hash scheme",
        Algorithm::PS256,
        "UXD2icTp9JmTJoq-ZCdDoa-U3yo41mufbPpKzDOFaL_cbfxrcyp5IPdUONSbRrgj_2KsdtYFPFZHlM7IV1D1vhJTrvQ5JqbbVZ8bJBPuVvq5N-\
        qpaguoXLf_o0PUcJ_RSZbMA9Pyfu945Q6cXIwcRwdXSjYggh_J0iAhjAor3aSEn737_E-Nh4k-IVVyutLOVJa0wkUR81PvTp9jxYiAem8kzCam\
        fNxOAvY21eL5wvIzYs9iQB4WWy9igLRgkwIwoDYD51a2cooaS3DlnPr8tPC-t75Q4iEoghSB-65D1_TYed6cRvzDhajil1UoxlSyNCLrpSSnoC\
        XRUJ44T2MeiQ",
        false,
    ),
    (
        "unused bit set",
        Algorithm::PS256,
        "lV2ox3CsTUULhXJHUahn1yff8Y5-keLAzfVpnQcLi2mlTV0x0haj4x6Eqn4WYCJAS5Qaat8w2x4H3QxHyioVRCPGaVgUWyUZWt2n1EUcEieyFB\
        PxygiWBdlrLMunmrrYjgtDtR8gFcZFD6WhBpFI1bNpO6rPKb-qMiK6SW6PnoO0sNCnGwaYxK0q5rgaXB7WN6SNl0hLNjDbyoFJUPsJxxq8A3Zd\
        pXxZxrs7798bCA0VJ49FXfWP1B7lw-kvGkel-EnItww2zd1LYw6aRjTIASHVtdJXAY_-654WDFBzEyf5NLymUmU6_ebwxs_8cwajpvBkCSbMLd\
        RkHprWUqFjPw",
        false,
    ),
    (
        "separator of 2",
        Algorithm::PS256,
        "G-s9Yc-BE6mVrQ0LXceDdxIY2OaVokrxHWnRJsHoK_p5xQ_FTpJAxptG-EecDSUdzX8GHW9WbeF9RViNYjs_M2RreL5Vr32x5AywhzBwKepeQa\
        jmzw4NvQ94F992L9bMgKshn4EC9ZvA3SWG8zpyYsqtd03FmoS9ZiCoPCl8pnKMBeILaIPUAXzReX2ju146At5SAmbwGHEx1FcQZS4YZzFtQ5NJ\
        FykpXfuMOUETN_lP3wt-3q7BKdLidVEncecdUUUfHlrnGYCex70u8Ml5SeQDscAxeFqjkv9OQlfAPZtfZiw0D6BPdA7aA4miGHEbcQbQpCOJOA\
        tyZlF0LojBHg",
        false,
    ),
    (
        "padding that is not zero",
        Algorithm::PS256,
        "PWy-cnSj3C8SY3Fo1tHjjtgb_iQVXMRZlknjs-fRJZNoMMuU4khfK_ysFMY_GXSTD5RZvHAbvN2xuF-M3H792mn5mLI2sPU6vtBwc2c6MkymZE\
        slzNRWNfHKPMwxr-F7K_ubjWW4qffCHI2rno_KRRSYNC1cLV4cRp2o5nJQ3S6ukFwA9WosZYBKZ0rHkbeWRKkrT9DolAkfAYWQIhekN_gCjmBX\
        TLNU4vTUaLJjgugU07hxRl7eHgviqgeyFyh7kzMUfs2o6JHu0cTJeWjFLI9PBBi51bRS0sNm8OwHwlwwJqVOTBbklwz58T0UlxH2wBYlCfQz6I\
        vqdYjCqS_vHg",
        false,
    ),
    (
        "PS256 called RS256",
        Algorithm::RS256,
        "K-aNcFnZgB5l6JWGZbhi24XdyeDr6CZ--XHBU-InTATyxzcNNT6j1gX-_P9iiLLaf0NhdDEfPFtldyMmXtRLziFCu0MURBxv4faSYei6_kfiwb\
        0R6SI7dYCO5Hpxbx6kgFLFCvWnK668-MhjdWIlray0z_x7pQMgYIv3KOrH7iR_gJfI5eYBtIExbNlap6SdCVqds8txjg27TVzmU2l6GynuhAol\
        Lc7xcLjmZoZG_qFtER2wm0rF7YwQQQ3_9wKdRdjRAypOx7nNhydkYIQnR1znKKM02fEf5QUcFJ7E2xYTi2tzQdnSwLLpP3gSGfHkrQwsSWMcuN\
        5VMK0TpEWLDA",
        false,
    ),
    (
        "PS256 called PS384",
        Algorithm::PS384,
        "K-aNcFnZgB5l6JWGZbhi24XdyeDr6CZ--XHBU-InTATyxzcNNT6j1gX-_P9iiLLaf0NhdDEfPFtldyMmXtRLziFCu0MURBxv4faSYei6_kfiwb\
        0R6SI7dYCO5Hpxbx6kgFLFCvWnK668-MhjdWIlray0z_x7pQMgYIv3KOrH7iR_gJfI5eYBtIExbNlap6SdCVqds8txjg27TVzmU2l6GynuhAol\
        Lc7xcLjmZoZG_qFtER2wm0rF7YwQQQ3_9wKdRdjRAypOx7nNhydkYIQnR1znKKM02fEf5QUcFJ7E2xYTi2tzQdnSwLLpP3gSGfHkrQwsSWMcuN\
        5VMK0TpEWLDA",
        false,
    ),
    (
        "plus the modulus",
        Algorithm::PS256,
        "rGGUDzjog6CUcSMCOgXWiZK42NCl1As2IhVYJFMoo3AGDYRqAoi8WEZUyMBQUYVB9qLNk-JRf6ZQ4SnbWCDVN6KuBzVaEMl3HyZn7v6kLQKwAj\
        J8scXtWk_qwF2saG1V9RPFcYCkN7fDk802p6jcVPrXiPKjmZ9BSFO-g0SMCPzIzF9BixQUYW6gxoLevs3ah2aWZ_U1YVnwtaBZWJ2mvqhBUM94\
        W7HX86Ph53BoiNHNP_u4dyjcYsXLdx5k9sRPFABGSsRs36dQ5OtAM8q7iDB8PZElwACTQzLqa5dFrlzmJS_yC8S3H9yOANsh-aVu7buq1SYH6m\
        Gx8Ga7YXFzkg",
        false,
    ),
    (
        "the same without it",
        Algorithm::PS256,
        "E0RvMSwu0xiN8rYUU_Vf8juej_kZi9a6x384xUGaZfr5_loTMlE-12Sgs9ueuwqogN-bXailfSe9kwpjZ18qz8Bn1WJiQQKRU4T89i6wFcymTN\
        2s8F9dRv-11m6JjOMBJOgZ1hpfaJMUYPDWLCuyrpEVN3dZobwRSpn9es05Eq6LkN5jlya0z3TKSI2KkzVX8XHvKxYDGJt7VIbPAgWPUpHY7G21\
        OI73b30MRNc5nAewwzliyitJY5xXe_GEVwiUjr36Y22ZfWIbId7nBaCKqdhl4iue0vhvxlnVCCUns2uytM9hlJU0CifmiPE6Kd8-2A_hDrVZmv\
        CuWL6EMAjXXw",
        true,
    ),
    (
        "the number 0",
        Algorithm::RS256,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAA",
        false,
    ),
    (
        "the number 1",
        Algorithm::RS256,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAQ",
        false,
    ),
    (
        "the number n-1",
        Algorithm::RS256,
        "mR0k3gy5sIgGfmzt5hB2l1caSNeMSDR7WpYfXxGOPXUMDypW0Dd9gOG0FOSxlnqZdcMyNjmsAn6TTh938MGqZ-JGMdL3z8bly6Fq-M_0FzYJtV\
        TPwWaQE1A06e8i24pU0Curm2ZEzySvMtxge30ppmnCUXtJ9-Mv_bnBCHdS9k49O4Dd8-1fkfnWffVUK5iClfSnPN8ySL51YRmKVpgXbBZoZGHD\
        IyLghCbVopku7MocfMJVrP2S_ylz-yzgn7u6hUJL51bTYkU1wwxZLiow3lgWW2WG7QgjfNkVY3Id-vEzcGCQdy-DFbSnd-nnz8YwFavJxnCuT3\
        EDl6g3MWicMg",
        false,
    ),
    (
        "the number n",
        Algorithm::RS256,
        "mR0k3gy5sIgGfmzt5hB2l1caSNeMSDR7WpYfXxGOPXUMDypW0Dd9gOG0FOSxlnqZdcMyNjmsAn6TTh938MGqZ-JGMdL3z8bly6Fq-M_0FzYJtV\
        TPwWaQE1A06e8i24pU0Curm2ZEzySvMtxge30ppmnCUXtJ9-Mv_bnBCHdS9k49O4Dd8-1fkfnWffVUK5iClfSnPN8ySL51YRmKVpgXbBZoZGHD\
        IyLghCbVopku7MocfMJVrP2S_ylz-yzgn7u6hUJL51bTYkU1wwxZLiow3lgWW2WG7QgjfNkVY3Id-vEzcGCQdy-DFbSnd-nnz8YwFavJxnCuT3\
        EDl6g3MWicMw",
        false,
    ),
    (
        "the number 2^2048-1",
        Algorithm::RS256,
        "______________________________________________________________________________________________________________\
        ______________________________________________________________________________________________________________\
        ______________________________________________________________________________________________________________\
        ___________w",
        false,
    ),
];
