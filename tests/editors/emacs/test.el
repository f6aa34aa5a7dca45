;;; test.el --- The Dockerfile language server in Emacs with eglot  -*- lexical-binding: t; -*-

;; Opens a Dockerfile that was built before: each step's forecast is among flymake's notes, and follows an edit that is not
;; saved; hover, completion and a fix are there.  Says `passed' when all holds.  In batch mode no idle timer fires,
;; so the test itself calls what such a timer would: flymake, and eglot's sending of changes.

(package-initialize)
(require 'eglot)
(require 'flymake)
(require 'cl-lib)
(require 'dockerfile-mode)
(add-to-list 'load-path (expand-file-name "editors/emacs" (getenv "REPOSITORY")))
(require 'cooper)

(setq cooper-program (getenv "COOPER")
      cooper-hint-diagnostics t
      eglot-sync-connect t
      eglot-connect-timeout 120
      make-backup-files nil
      create-lockfiles nil)

(defun test-notes ()
  "Each diagnostic as its line and text."
  (mapcar (lambda (found)
            (cons (line-number-at-pos (flymake-diagnostic-beg found))
                  (substring-no-properties (flymake-diagnostic-text found))))
          (flymake-diagnostics)))

(defun test-expect (what holds)
  "Wait until the function HOLDS says yes; end the program with WHAT and all diagnostics if it never does."
  (let ((deadline (+ (float-time) 60)))
    (while (not (funcall holds))
      (when (> (float-time) deadline)
        (message "FAILED: %s\n%S" what (test-notes))
        (kill-emacs 1))
      (accept-process-output nil 0.02)
      (flymake-start)
      (sit-for 0.02))
    (message "ok: %s" what)))

(defun test-line (pattern)
  "The number of the first line that matches PATTERN."
  (save-excursion
    (goto-char (point-min))
    (re-search-forward pattern)
    (line-number-at-pos (match-beginning 0))))

(defun test-steps ()
  "Numbers of the lines that steps begin on."
  (let (found)
    (save-excursion
      (goto-char (point-min))
      (while (re-search-forward "^\\(COPY\\|RUN\\|WORKDIR\\) " nil t)
        (push (line-number-at-pos) found)))
    (nreverse found)))

(defun test-says (line pattern)
  "Whether a diagnostic on LINE matches PATTERN."
  (cl-some (lambda (note) (and (= (car note) line) (string-match-p pattern (cdr note)))) (test-notes)))

(defun test-all (above border below)
  "Whether steps before line BORDER say ABOVE and the others BELOW."
  (cl-every (lambda (line) (test-says line (if (< line border) above below))) (test-steps)))

(defun test-edit (line text)
  "Replace LINE by TEXT, and tell the server."
  (goto-char (point-min))
  (forward-line (1- line))
  (delete-region (line-beginning-position) (line-end-position))
  (insert text)
  (eglot--signal-textDocument/didChange))

(find-file "Dockerfile")
(dockerfile-mode)
(apply #'eglot--connect (eglot--guess-contact))
(let* ((line (test-line "^RUN mkdir"))
       (text (progn (goto-char (point-min)) (forward-line (1- line)) (buffer-substring (point) (line-end-position)))))
  (test-expect "each step is cached" (lambda () (test-all "cached" 1000 "")))

  (test-edit line (concat text " /blog/drafts"))
  (test-expect "the edited step and those below rerun, unsaved" (lambda () (test-all "cached" line "reruns\\|runs")))
  (unless (buffer-modified-p) (error "The file was saved"))
  (test-edit line text)
  (test-expect "undone, all are cached again" (lambda () (test-all "cached" 1000 "")))

  (let (hover)
    (goto-char (point-min))
    (forward-line (1- line))
    (forward-char 1)
    (eglot-hover-eldoc-function (lambda (said &rest _) (setq hover said)))
    (test-expect "hover tells the forecast and what RUN is"
                 (lambda () (and hover (string-match-p "next build" hover) (string-match-p "RUN" hover)))))

  (test-edit line "RUN --mo")
  (test-expect "completion knows the flags"
               (lambda ()
                 (let ((found (eglot-completion-at-point)))
                   (and found (member "--mount=" (mapcar (lambda (word) (substring word 0 (min 8 (length word))))
                                                         (all-completions "--mo" (nth 2 found))))))))

  (test-edit line (concat "run" (substring text 3)))
  (test-expect "a finding has a diagnostic" (lambda () (test-says line "should match the case")))
  (let ((start (line-beginning-position)))
    (let ((fixes (eglot-code-actions start (+ start 3) "quickfix")))
      (eglot--apply-workspace-edit (plist-get (aref (vconcat fixes) 0) :edit))
      (test-expect "its fix is applied" (lambda () (save-excursion (goto-char start) (looking-at-p "RUN "))))))
  (test-edit line text)
  (test-expect "and all is as before" (lambda () (test-all "cached" 1000 "")))
  (message "passed")
  (kill-emacs 0))
